package kerast2i.camera

import java.security.MessageDigest

private const val START = "{\"sha256\": \""
private const val DIGEST = 64
private val NEEDED = listOf("encode", "edit", "synthesize")

/** An attribute: what it is called, and the group of which one may be. */
class Attribute(val phrases: List<String>, val group: String?)

/** What a .tflite file of a face editor tells of itself. */
class Facts(private val found: Map<*, *>) {
    val imageSize = whole("image_size")
    val words = strings("words")
    val firstRow = whole("first_row")
    val known = strings("known")
    val around = strings("around")
    val denial = one<String>("denial")
    val mostNames = whole("most_names")
    val maxLength = whole("max_length")

    /** Signature -> input -> its shape. */
    val shapes = one<Map<*, *>>("signatures").entries
        .associate { (name, signature) ->
            val inputs = (signature as Map<*, *>)["inputs"] as Map<*, *>
            name as String to inputs.entries.associate { (input, about) ->
                val shape = (about as Map<*, *>)["shape"] as List<*>
                input as String to shape.map { (it as Double).toInt() }
            }
        }

    /** Name -> attribute, in the order of the file. */
    val attributes = one<Map<*, *>>("attributes").entries
        .associate { (name, about) ->
            about as Map<*, *>
            val phrases = (about["phrases"] as List<*>).map { it as String }
            name as String to Attribute(phrases, about["group"] as String?)
        }

    private inline fun <reified T> one(name: String): T =
        found[name] as? T ?: throw Refused("The file lacks its `$name`.")

    private fun whole(name: String) = one<Double>(name).toInt()

    private fun strings(name: String) =
        one<List<*>>(name).map { it as String }

    companion object {
        /**
         * The facts inside of an intact face editor.
         *
         * Throws [Refused] for bytes of a file that is foreign, damaged or no
         * face editor.
         */
        fun of(bytes: ByteArray): Facts {
            if (latin(bytes, 4, 8) != "TFL3") {
                throw Refused("This is no .tflite file.")
            }
            val start = lastIndexOf(bytes, START)
            if (start < 4) {
                throw Refused(
                    "This file was not written by keras_t2i, or its end is " +
                        "missing."
                )
            }
            val place = start + START.length
            if (digest(bytes, place) != latin(bytes, place, place + DIGEST)) {
                throw Refused("The model file is damaged. Load it again.")
            }
            // The format writes the length of a vector right before it.
            val length = (0 until 4).sumBy {
                (bytes[start - 4 + it].toInt() and 255) shl (8 * it)
            }
            val found =
                Json.parse(String(bytes, start, length)) as Map<*, *>
            val signatures = found["signatures"] as? Map<*, *>
            if (signatures == null || !NEEDED.all { it in signatures }) {
                throw Refused(
                    "This file holds a ${found["model"]}, not a face editor " +
                        "with an encoder."
                )
            }
            return Facts(found)
        }

        /** SHA-256 of the file with zeros where it stands in itself. */
        private fun digest(bytes: ByteArray, place: Int): String {
            if (place + DIGEST > bytes.size) return ""
            val hash = MessageDigest.getInstance("SHA-256")
            hash.update(bytes, 0, place)
            hash.update(ByteArray(DIGEST) { '0'.toByte() })
            val rest = place + DIGEST
            hash.update(bytes, rest, bytes.size - rest)
            return hash.digest().joinToString("") { "%02x".format(it) }
        }

        private fun latin(bytes: ByteArray, start: Int, end: Int) =
            if (end > bytes.size) ""
            else String(bytes, start, end - start, Charsets.ISO_8859_1)

        private fun lastIndexOf(bytes: ByteArray, text: String): Int {
            val codes = text.toByteArray()
            return (bytes.size - codes.size downTo 0).firstOrNull { start ->
                codes.indices.all { bytes[start + it] == codes[it] }
            } ?: -1
        }
    }
}
