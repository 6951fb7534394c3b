package kerast2i.camera

import android.content.Context
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.TensorBuffer

/**
 * The networks of the file, run by LiteRT one picture at a time.
 *
 * Not for several threads: the buffers are made once, and used by every run.
 */
class FaceEditor(context: Context, asset: String) : AutoCloseable {
    val facts = Facts.of(context.assets.open(asset).use { it.readBytes() })
    val reader = Reader(facts)
    val locates = "locate" in facts.shapes

    /** The side of the frames that `locate` takes. */
    val frameSize get() = facts.shapes.getValue("locate").getValue("rgba")[1]

    private val model = CompiledModel.create(
        context.assets, asset, CompiledModel.Options(Accelerator.CPU)
    )
    private val inputs = HashMap<String, TensorBuffer>()
    private val outputs = HashMap<String, TensorBuffer>()

    private fun input(signature: String, name: String) =
        inputs.getOrPut("$signature $name") {
            model.createInputBuffer(name, signature)
        }

    private fun output(signature: String, name: String) =
        outputs.getOrPut("$signature $name") {
            model.createOutputBuffer(name, signature)
        }

    private fun run(signature: String, given: List<String>, wanted: List<String>) =
        model.run(
            given.associateWith { input(signature, it) },
            wanted.associateWith { output(signature, it) },
            signature
        )

    /** Latents of a face: bytes of `seen`, imageSize * imageSize * 4. */
    fun encode(rgba: ByteArray): FloatArray {
        input("encode", "rgba").writeInt8(rgba)
        run("encode", listOf("rgba"), listOf("latents"))
        return output("encode", "latents").readFloat()
    }

    /** Latents after all groups of a `Reader.read`. */
    fun edit(latents: FloatArray, groups: List<Group>, strength: Float): FloatArray {
        var found = latents
        for (group in groups) {
            input("edit", "latents").writeFloat(found)
            input("edit", "words").writeInt(group.words)
            input("edit", "strength").writeFloat(floatArrayOf(group.sign * strength))
            run("edit", listOf("latents", "words", "strength"), listOf("latents"))
            found = output("edit", "latents").readFloat()
        }
        return found
    }

    /** Bytes red, green, blue, alpha of the picture of latents. */
    fun synthesize(latents: FloatArray): ByteArray {
        input("synthesize", "latents").writeFloat(latents)
        run("synthesize", listOf("latents"), listOf("rgba", "images"))
        return output("synthesize", "rgba").readInt8()
    }

    /** How surely a frame shows a face; middle and side of its square. */
    fun locate(rgba: ByteArray): Pair<Float, FloatArray> {
        input("locate", "rgba").writeInt8(rgba)
        run("locate", listOf("rgba"), listOf("score", "place"))
        val (score) = output("locate", "score").readFloat()
        return Pair(score, output("locate", "place").readFloat())
    }

    override fun close() {
        (inputs.values + outputs.values).forEach { it.close() }
        model.close()
    }
}
