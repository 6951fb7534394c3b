package kerast2i.camera

import java.util.Locale

/** A place of a text that names an attribute. */
class Found(val name: String, val denied: Boolean, val start: Int, val end: Int)

/** What `edit` is run with once: word numbers, and 1 or -1 for its strength. */
class Group(val words: IntArray, val sign: Float)

/** What a text asks for, and the words that were not understood. */
class Asked(val groups: List<Group>, val rest: List<String>)

/** Reads what a text asks for, as `reading` in the facts of the file says. */
class Reader(private val facts: Facts) {
    private val around = facts.around.toSet()
    private val known = facts.known.toSet()
    private val rows =
        facts.words.withIndex().associate { it.value to facts.firstRow + it.index }
    private val names = facts.attributes.entries
        .flatMap { (name, its) -> its.phrases.map { it to name } }.toMap()
    private val pattern = Regex(
        // Flag U: white space is what Unicode says it is.
        "(?U)(${facts.denial})?(" + names.keys.sortedByDescending { it.length }
            .joinToString("|", transform = ::expression) + ")"
    )

    /** The phrase by which the networks know an attribute. */
    fun phrase(name: String) = facts.attributes.getValue(name).phrases[0]

    /** What there is to name. */
    val phrases get() = facts.known.map { phrase(it) }

    /** Every place that names an attribute, and what was not understood. */
    fun find(text: String): Pair<List<Found>, List<String>> {
        val lower = lowered(text)
        val found = ArrayList<Found>()
        val rest = ArrayList<String>()
        var last = 0
        for (match in pattern.findAll(lower)) {
            between(lower.substring(last, match.range.first), rest)
            last = match.range.last + 1
            val phrase = match.groups[2]!!.value.replace(GAPS, " ")
            val denied = match.groups[1] != null
            found.add(
                Found(names.getValue(phrase), denied, match.range.first, last)
            )
        }
        between(lower.substring(last), rest)
        return Pair(found, rest)
    }

    private fun between(text: String, rest: MutableList<String>) {
        for (word in WORD.findAll(text)) {
            if (word.value !in around) rest.add(word.value)
        }
    }

    /**
     * What `edit` is to be run with.
     *
     * Throws [Refused] for a text that names nothing known, or what excludes
     * itself.
     */
    fun read(text: String): Asked {
        val (found, understood) = find(text)
        val rest = understood.toMutableList()
        val denied = found.filter { it.denied }.map { it.name }.toSet()
        val asked = LinkedHashMap<String, Boolean>()
        for (name in found.map { it.name }.distinct()) {
            if (name in known) asked[name] = name !in denied
            else rest.add(phrase(name))
        }
        checkGroups(asked)
        if (asked.isEmpty()) {
            throw Refused(
                "“${text.take(60)}” names nothing that I can change. Tap a " +
                    "suggestion, or say it in other words."
            )
        }
        val groups = listOf(true, false).flatMap { wanted ->
            asked.filterValues { it == wanted }.keys.chunked(facts.mostNames)
                .map { Group(words(it), if (wanted) 1f else -1f) }
        }
        return Asked(groups, rest)
    }

    private fun checkGroups(asked: Map<String, Boolean>) {
        val first = HashMap<String, String>()
        for (name in asked.filterValues { it }.keys) {
            val group = facts.attributes.getValue(name).group ?: continue
            val other = first.put(group, phrase(name)) ?: continue
            throw Refused(
                "A face cannot be both $other and ${phrase(name)}. Name one " +
                    "of them."
            )
        }
    }

    private fun words(names: List<String>): IntArray {
        val words = names.flatMap { phrase(it).split(' ') }
        return IntArray(facts.maxLength) {
            if (it < words.size) rows.getValue(words[it]) else 0
        }
    }

    private companion object {
        // Writings without spaces between words: a character is a word.
        const val UNSPACED =
            "(?=[\\p{L}\\p{M}\\p{N}])[\\p{IsHan}\\p{IsHiragana}" +
                "\\p{IsKatakana}\\p{IsThai}\\p{IsLao}\\p{IsKhmer}]"
        val WORD =
            Regex("$UNSPACED|(?:(?!$UNSPACED)[\\p{L}\\p{M}\\p{N}])+")
        val GAPS = Regex("(?U)[\\s-]+")
        // White space in Python, but not in Unicode.
        val CONTROLS = Regex("[\\x1c-\\x1f]")

        fun lowered(text: String) = text.toLowerCase(Locale.ROOT)
            .replace('’', '\'').replace(CONTROLS, " ")

        /** A regular expression for a phrase between other text. */
        fun expression(phrase: String): String {
            fun edge(letter: Char, look: String) =
                if (letter < '\u0080') "($look[a-z0-9])" else ""
            val spelled =
                phrase.split(' ').joinToString("[\\s-]+") { Regex.escape(it) }
            return edge(phrase.first(), "?<!") + spelled +
                edge(phrase.last(), "?!")
        }
    }
}
