plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "kerast2i.camera"
    compileSdk = 36
    defaultConfig {
        applicationId = "kerast2i.camera"
        minSdk = 24
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
    }
    // What needs no Android has a folder of its own, and tests on a JVM.
    sourceSets["main"].kotlin.srcDir("../core/src/main/kotlin")
    // LiteRT maps the file into memory, which takes it as it is.
    androidResources { noCompress += "tflite" }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    kotlinOptions { jvmTarget = "17" }
}

dependencies {
    implementation("androidx.activity:activity-ktx:1.11.0")
    implementation("androidx.camera:camera-camera2:1.5.0")
    implementation("androidx.camera:camera-lifecycle:1.5.0")
    implementation("com.google.ai.edge.litert:litert:2.3.0")
}
