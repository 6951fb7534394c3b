package kerast2i.camera

import java.io.File

/** Prints what the core makes of a file, of texts and of a frame. */
fun main(arguments: Array<String>) {
    val (file, task) = arguments
    val facts = try {
        Facts.of(File(file).readBytes())
    } catch (error: Refused) {
        println("refused ${error.message}")
        return
    }
    val given = Json.parse(File(task).readText()) as Map<*, *>
    val reader = Reader(facts)
    for (text in given["texts"] as List<*>) println(said(reader, text as String))
    for (crop in given["crops"] as List<*>) println(cropped(facts, crop as Map<*, *>))
    for (place in given["places"] as List<*>) {
        val (score, x, y, side) = (place as List<*>).map { (it as Double).toFloat() }
        println(hint(score, x, y, side, mirrored = true))
    }
}

private fun said(reader: Reader, text: String): String = try {
    val asked = reader.read(text)
    val groups = asked.groups.joinToString("|") {
        "${it.sign.toInt()}:${it.words.joinToString(",")}"
    }
    "$groups ${asked.rest.joinToString(",") { hex(it.toByteArray()) }}"
} catch (error: Refused) {
    "refused ${error.message}"
}

private fun cropped(facts: Facts, crop: Map<*, *>): String {
    fun whole(name: String) = (crop[name] as Double).toInt()
    val frame = File(crop["file"] as String).readBytes()
    var square = Square.inside(whole("width"), whole("height"))
    (crop["place"] as List<*>?)?.map { (it as Double).toFloat() }
        ?.let { (x, y, side) -> square = square.part(x, y, side) }
    val stride = whole("stride")
    return hex(
        seen(frame, whole("width"), whole("height"), stride, square, facts.imageSize)
    )
}

private fun hex(bytes: ByteArray) = bytes.joinToString("") { "%02x".format(it) }
