package kerast2i.camera

/** Marks a file or a text that cannot be used; the message is for people. */
class Refused(message: String) : Exception(message)

/**
 * Reads JSON, which a plain JVM has no reader for.
 *
 * Objects become `Map<String, Any?>` in the order of the text, arrays `List`,
 * numbers `Double`, and the rest `String`, `Boolean` and null.
 */
class Json private constructor(private val text: String) {
    private var at = 0

    companion object {
        /** The value that a text holds; throws [Refused] if it holds none. */
        fun parse(text: String): Any? {
            val json = Json(text)
            val value = json.value(DEPTH)
            if (json.peek() != null) throw json.damaged()
            return value
        }

        private const val DEPTH = 64
        private val ESCAPES = mapOf(
            '"' to '"', '\\' to '\\', '/' to '/', 'b' to '\b',
            'f' to '\u000c', 'n' to '\n', 'r' to '\r', 't' to '\t'
        )
        private val NUMBER =
            Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?")
    }

    private fun damaged() = Refused("The facts of the file are damaged.")

    /** The next character that is no white space. */
    private fun peek(): Char? {
        while (at < text.length && text[at] in " \t\r\n") at++
        return text.getOrNull(at)
    }

    private fun take(wanted: Char) {
        if (peek() != wanted) throw damaged()
        at++
    }

    private fun value(depth: Int): Any? {
        if (depth == 0) throw damaged()
        return when (peek()) {
            '{' -> {
                val found = LinkedHashMap<String, Any?>()
                each('{', '}') {
                    val name = string()
                    take(':')
                    found[name] = value(depth - 1)
                }
                found
            }
            '[' -> {
                val found = ArrayList<Any?>()
                each('[', ']') { found.add(value(depth - 1)) }
                found
            }
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun each(first: Char, last: Char, read: () -> Unit) {
        take(first)
        if (peek() != last) {
            read()
            while (peek() == ',') {
                at++
                read()
            }
        }
        take(last)
    }

    private fun word(spelled: String, value: Any?): Any? {
        if (!text.startsWith(spelled, at)) throw damaged()
        at += spelled.length
        return value
    }

    private fun number(): Double {
        val found = NUMBER.find(text, at)
        if (found == null || found.range.first != at) throw damaged()
        at = found.range.last + 1
        return found.value.toDouble()
    }

    private fun string(): String {
        take('"')
        val found = StringBuilder()
        while (true) {
            val next = text.getOrNull(at++) ?: throw damaged()
            if (next == '"') return found.toString()
            if (next != '\\') {
                found.append(next)
                continue
            }
            val escaped = text.getOrNull(at++) ?: throw damaged()
            if (escaped == 'u') {
                val end = at + 4
                if (end > text.length) throw damaged()
                val code = text.substring(at, end).toIntOrNull(16)
                found.append((code ?: throw damaged()).toChar())
                at = end
            } else {
                found.append(ESCAPES[escaped] ?: throw damaged())
            }
        }
    }
}
