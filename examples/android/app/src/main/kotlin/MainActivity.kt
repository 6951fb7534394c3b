package kerast2i.camera

import android.Manifest
import android.graphics.Bitmap
import android.os.Bundle
import android.text.Editable
import android.text.TextWatcher
import android.widget.Button
import android.widget.EditText
import android.widget.HorizontalScrollView
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.SeekBar
import android.widget.TextView
import android.widget.ToggleButton
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts.RequestPermission
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.core.content.ContextCompat
import java.nio.ByteBuffer
import java.util.concurrent.Executors

private const val FILE = "editor.tflite"

/** The camera, words, and the face that they make; nothing leaves the phone. */
class MainActivity : ComponentActivity() {
    // All that touches the networks runs here, frame after frame.
    private val worker = Executors.newSingleThreadExecutor()
    private var editor: FaceEditor? = null
    @Volatile private var groups = emptyList<Group>()
    @Volatile private var strength = 1f
    @Volatile private var before = false

    private lateinit var picture: ImageView
    private lateinit var guide: TextView
    private lateinit var told: TextView
    private lateinit var words: EditText

    private val permission = registerForActivityResult(RequestPermission()) {
        if (it) startCamera() else guide.setText(R.string.camera_refused)
    }

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        val suggestions = LinearLayout(this)
        setContentView(layout(suggestions))
        worker.execute {
            try {
                val found = FaceEditor(this, FILE)
                editor = found
                runOnUiThread {
                    suggest(suggestions, found.reader)
                    read(words.text.toString())
                    permission.launch(Manifest.permission.CAMERA)
                }
            } catch (error: Exception) {
                runOnUiThread { guide.text = message(error) }
            }
        }
    }

    override fun onDestroy() {
        super.onDestroy()
        worker.execute { editor?.close() }
        worker.shutdown()
    }

    private fun message(error: Exception) =
        (error as? Refused)?.message ?: getString(R.string.wrong, error.message)

    // Words

    private fun read(text: String) {
        val reader = editor?.reader ?: return
        groups = emptyList()
        told.text = ""
        if (text.isBlank()) return
        try {
            val asked = reader.read(text)
            groups = asked.groups
            if (asked.rest.isNotEmpty()) {
                val some = asked.rest.distinct().take(5).joinToString()
                told.text = getString(R.string.not_understood, some)
            }
        } catch (error: Refused) {
            told.text = error.message
        }
    }

    private fun suggest(row: LinearLayout, reader: Reader) {
        for (phrase in reader.phrases) {
            val button = Button(this)
            button.text = phrase
            button.setOnClickListener {
                val text = words.text.toString().trim()
                words.setText(if (text.isEmpty()) phrase else "$text, $phrase")
            }
            row.addView(button)
        }
    }

    // Pictures

    private fun startCamera() {
        val waiting = ProcessCameraProvider.getInstance(this)
        waiting.addListener({
            val frames = ImageAnalysis.Builder()
                .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
                .setOutputImageRotationEnabled(true)
                .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
                .build()
            frames.setAnalyzer(worker, ::show)
            try {
                val camera = CameraSelector.DEFAULT_FRONT_CAMERA
                waiting.get().bindToLifecycle(this, camera, frames)
            } catch (error: IllegalArgumentException) {
                guide.setText(R.string.no_camera)
            }
        }, ContextCompat.getMainExecutor(this))
    }

    /** Shows one frame of the camera, edited; runs on `worker`. */
    private fun show(frame: ImageProxy) {
        val editor = this.editor ?: return frame.close()
        val plane = frame.planes[0]
        val bytes = ByteArray(plane.buffer.remaining())
        plane.buffer.get(bytes)
        val (width, height, stride) =
            Triple(frame.width, frame.height, plane.rowStride)
        frame.close()
        val square = Square.inside(width, height)
        var where = ""
        if (editor.locates) {
            val size = editor.frameSize
            val (score, place) =
                editor.locate(seen(bytes, width, height, stride, square, size))
            where = hint(score, place[0], place[1], place[2], mirrored = true)
        }
        val size = editor.facts.imageSize
        var rgba = seen(bytes, width, height, stride, square, size)
        if (!before && groups.isNotEmpty()) {
            val latents = editor.edit(editor.encode(rgba), groups, strength)
            rgba = editor.synthesize(latents)
        }
        val bitmap = Bitmap.createBitmap(size, size, Bitmap.Config.ARGB_8888)
        bitmap.copyPixelsFromBuffer(ByteBuffer.wrap(rgba))
        runOnUiThread {
            picture.setImageBitmap(bitmap)
            guide.text = where
        }
    }

    // What is on the screen

    private fun layout(suggestions: LinearLayout): LinearLayout {
        picture = ImageView(this)
        picture.adjustViewBounds = true
        picture.scaleX = -1f // As in a mirror.
        guide = TextView(this)
        told = TextView(this)
        words = EditText(this)
        words.setHint(R.string.words)
        words.addTextChangedListener(object : TextWatcher {
            override fun afterTextChanged(text: Editable) = read(text.toString())
            override fun beforeTextChanged(t: CharSequence, a: Int, b: Int, c: Int) = Unit
            override fun onTextChanged(t: CharSequence, a: Int, b: Int, c: Int) = Unit
        })
        val slider = SeekBar(this)
        slider.max = 200
        slider.progress = 100
        slider.setOnSeekBarChangeListener(object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(bar: SeekBar, percent: Int, byHand: Boolean) {
                strength = percent / 100f
            }
            override fun onStartTrackingTouch(bar: SeekBar) = Unit
            override fun onStopTrackingTouch(bar: SeekBar) = Unit
        })
        val toggle = ToggleButton(this)
        toggle.textOn = getString(R.string.before)
        toggle.textOff = getString(R.string.before)
        toggle.isChecked = false
        toggle.setOnCheckedChangeListener { _, on -> before = on }
        val row = HorizontalScrollView(this)
        row.addView(suggestions)
        val column = LinearLayout(this)
        column.orientation = LinearLayout.VERTICAL
        for (view in listOf(picture, guide, words, told, row, slider, toggle)) {
            column.addView(view)
        }
        return column
    }
}
