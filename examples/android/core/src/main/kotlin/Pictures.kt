package kerast2i.camera

import kotlin.math.max
import kotlin.math.min

/** A square of a frame, in its pixels; it may reach over the edges. */
class Square(val left: Double, val top: Double, val side: Double) {
    /** The part that `place` of `locate` means: middle and side, in shares. */
    fun part(x: Float, y: Float, share: Float) = Square(
        left + (x - share / 2) * side, top + (y - share / 2) * side, share * side
    )

    companion object {
        /** The largest in the middle of a frame. */
        fun inside(width: Int, height: Int): Square {
            val side = min(width, height).toDouble()
            return Square((width - side) / 2, (height - side) / 2, side)
        }
    }
}

/**
 * A square of a frame as the networks take it: every pixel is the mean of the
 * area it covers.
 *
 * @param frame bytes, red green blue alpha, of rows of [width] pixels that
 *     begin [stride] bytes apart, as CameraX gives them.
 * @param size height and width of the result.
 * @return size * size * 4 bytes, opaque. Beyond an edge the frame goes on as
 *     it ends.
 */
fun seen(
    frame: ByteArray, width: Int, height: Int, stride: Int, square: Square,
    size: Int
): ByteArray {
    require(frame.size >= stride * (height - 1) + 4 * width) {
        "A frame of $width x $height pixels has more than ${frame.size} bytes."
    }
    val columns = covered(square.left, square.side, size, width)
    val rows = covered(square.top, square.side, size, height)
    val found = ByteArray(size * size * 4)
    for (y in 0 until size) for (x in 0 until size) {
        val sums = DoubleArray(3)
        for ((row, high) in rows[y]) for ((column, wide) in columns[x]) {
            val place = stride * row + 4 * column
            for (color in 0 until 3) {
                sums[color] += high * wide * (frame[place + color].toInt() and 255)
            }
        }
        val place = 4 * (size * y + x)
        for (color in 0 until 3) {
            found[place + color] = (sums[color] + 0.5).toInt().toByte()
        }
        found[place + 3] = 255.toByte()
    }
    return found
}

/** For every pixel of a side: which of `count` pixels it covers, and shares. */
private fun covered(start: Double, side: Double, size: Int, count: Int) =
    List(size) { pixel ->
        val step = side / size
        val from = start + pixel * step
        val to = from + step
        (Math.floor(from).toInt()..Math.ceil(to).toInt() - 1).map { index ->
            val share = (min(to, index + 1.0) - max(from, index.toDouble())) / step
            Pair(min(max(index, 0), count - 1), share)
        }
    }

// Above it a `locate` is sure of a face.
private const val SURE = 0.5f
// By how much of the square a face may be off, and of its size.
private const val OFF = 0.12f
private const val TIGHT = 1.3f

/**
 * What to tell of a face that `locate` found; empty where all is well.
 *
 * @param x, y, side middle and side of the face's square, in shares of the
 *     picture.
 * @param mirrored whether left is shown on the right.
 */
fun hint(score: Float, x: Float, y: Float, side: Float, mirrored: Boolean): String {
    val right = (x - 0.5f) * (if (mirrored) -1 else 1)
    val down = y - 0.5f
    return when {
        score < SURE ->
            "I see no face. Bring one into the oval, upright and from the front."
        side > TIGHT -> "The face is too large."
        side < 1 / TIGHT -> "The face is too small."
        right > OFF -> "The face is too far right."
        right < -OFF -> "The face is too far left."
        down > OFF -> "The face is too low."
        down < -OFF -> "The face is too high."
        else -> ""
    }
}
