/* Runs a signature of a LiteRT file; tensors are files of raw bytes.

     run_litert FILE.tflite                       prints what the file tells
     run_litert FILE.tflite SIGNATURE NAME=PATH ...

   Inputs are read from their paths, outputs written to theirs. Numbers are
   as the machine has them: float32 or bytes, the last axis fastest.

   The package ai-edge-litert holds the library, but no headers: what is used
   of LiteRT's C interface is declared here, as version 2.3.0 has it. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Environment* Environment;
typedef struct Model* Model;
typedef struct Signature* Signature;
typedef struct Tensor* Tensor;
typedef struct Options* Options;
typedef struct Compiled* Compiled;
typedef struct Requirements* Requirements;
typedef struct Buffer* Buffer;
typedef struct {
  int element_type;
  struct {
    unsigned rank : 7;
    bool has_strides : 1;
    int32_t dimensions[8];
    uint32_t strides[8];
  } layout;
} TensorType;

/* All return 0 if they succeed. */
int LiteRtCreateEnvironment(int count, const void* options, Environment*);
int LiteRtCreateModelFromFile(Environment, const char* path, Model*);
int LiteRtGetModelMetadata(Model, const char* key, const void**, size_t*);
int LiteRtGetNumModelSignatures(Model, size_t*);
int LiteRtGetModelSignature(Model, size_t index, Signature*);
int LiteRtGetSignatureKey(Signature, const char**);
int LiteRtGetNumSignatureInputs(Signature, size_t*);
int LiteRtGetNumSignatureOutputs(Signature, size_t*);
int LiteRtGetSignatureInputName(Signature, size_t index, const char**);
int LiteRtGetSignatureOutputName(Signature, size_t index, const char**);
int LiteRtGetSignatureInputTensor(Signature, const char* name, Tensor*);
int LiteRtGetSignatureOutputTensor(Signature, const char* name, Tensor*);
int LiteRtGetRankedTensorType(Tensor, TensorType*);
int LiteRtCreateOptions(Options*);
int LiteRtSetOptionsHardwareAccelerators(Options, int accelerators);
int LiteRtCreateCompiledModel(Environment, Model, Options, Compiled*);
int LiteRtGetCompiledModelInputBufferRequirements(
    Compiled, size_t signature, size_t index, Requirements*);
int LiteRtGetCompiledModelOutputBufferRequirements(
    Compiled, size_t signature, size_t index, Requirements*);
int LiteRtCreateManagedTensorBufferFromRequirements(
    Environment, const TensorType*, Requirements, Buffer*);
int LiteRtGetTensorBufferPackedSize(Buffer, size_t*);
int LiteRtLockTensorBuffer(Buffer, void** address, int mode);
int LiteRtUnlockTensorBuffer(Buffer);
int LiteRtRunCompiledModel(Compiled, size_t signature, size_t num_inputs,
                           Buffer* inputs, size_t num_outputs,
                           Buffer* outputs);
void LiteRtDestroyTensorBuffer(Buffer);
void LiteRtDestroyCompiledModel(Compiled);
void LiteRtDestroyOptions(Options);
void LiteRtDestroyModel(Model);
void LiteRtDestroyEnvironment(Environment);

/* Of OpenSSL, in libcrypto. */
unsigned char* SHA256(const unsigned char* data, size_t size,
                      unsigned char* hash);

enum { ON_CPU = 1, READ = 0, WRITE = 1, MOST = 16 };

static void fail(const char* what, const char* why) {
  fprintf(stderr, "run_litert: %s: %s\n", what, why);
  exit(1);
}

/* Ends the program if a call of LiteRT failed. */
static void check(int status, const char* what) {
  char why[32];
  if (status == 0) return;
  snprintf(why, sizeof why, "LiteRT status %d", status);
  fail(what, why);
}

/* Ends the program for a file that is foreign or damaged: such a one may draw
   anything, or end the program on its own. The metadata hold the SHA-256 of
   the file, as hexadecimal digits, with zeros in their place. */
static void check_intact(const char* path) {
  static const char start[] = "{\"sha256\": \"";
  enum { DIGITS = 64 };
  const size_t before = sizeof start - 1;
  char told[DIGITS + 1] = "", found[DIGITS + 1];
  unsigned char hash[DIGITS / 2];
  FILE* file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) fail(path, "cannot be opened");
  long size = ftell(file);
  char* data = size > 0 ? malloc(size) : NULL;
  rewind(file);
  if (!data || fread(data, 1, size, file) != (size_t)size)
    fail(path, "cannot be read");
  fclose(file);
  if (size < 8 || memcmp(data + 4, "TFL3", 4))
    fail(path, "is no .tflite file");
  long place = size - (long)before - DIGITS;
  while (place >= 0 && memcmp(data + place, start, before)) place--;
  if (place < 0)
    fail(path, "was not written by keras_t2i, or its end is missing");
  memcpy(told, data + place + before, DIGITS);
  memset(data + place + before, '0', DIGITS);
  SHA256((unsigned char*)data, size, hash);
  for (int i = 0; i < DIGITS / 2; i++) sprintf(found + 2 * i, "%02x", hash[i]);
  if (strcmp(told, found)) fail(path, "is damaged");
  free(data);
}

/* The path that NAME=PATH gives for a name. */
static const char* path_of(const char* name, int count, char** given) {
  size_t length = strlen(name);
  for (int i = 0; i < count; i++)
    if (!strncmp(given[i], name, length) && given[i][length] == '=')
      return given[i] + length + 1;
  fail(name, "has no NAME=PATH");
  return NULL;
}

static void read_input(Buffer buffer, const char* path) {
  size_t size;
  void* data;
  check(LiteRtGetTensorBufferPackedSize(buffer, &size), path);
  check(LiteRtLockTensorBuffer(buffer, &data, WRITE), path);
  FILE* file = fopen(path, "rb");
  if (!file) fail(path, "cannot be opened");
  if (fread(data, 1, size, file) != size || fgetc(file) != EOF) {
    char why[64];
    snprintf(why, sizeof why, "must hold %zu bytes", size);
    fail(path, why);
  }
  fclose(file);
  check(LiteRtUnlockTensorBuffer(buffer), path);
}

static void write_output(Buffer buffer, const char* path) {
  size_t size;
  void* data;
  check(LiteRtGetTensorBufferPackedSize(buffer, &size), path);
  check(LiteRtLockTensorBuffer(buffer, &data, READ), path);
  FILE* file = fopen(path, "wb");
  if (!file) fail(path, "cannot be opened");
  if (fwrite(data, 1, size, file) != size || fclose(file))
    fail(path, "cannot be written");
  check(LiteRtUnlockTensorBuffer(buffer), path);
}

/* The place of a signature in the file. */
static size_t find(Model model, const char* wanted, Signature* signature) {
  size_t count;
  const char* key;
  check(LiteRtGetNumModelSignatures(model, &count), "signatures");
  for (size_t i = 0; i < count; i++) {
    check(LiteRtGetModelSignature(model, i, signature), wanted);
    check(LiteRtGetSignatureKey(*signature, &key), wanted);
    if (!strcmp(key, wanted)) return i;
  }
  fail(wanted, "is no signature of the file");
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 2) fail("usage", "FILE.tflite [SIGNATURE NAME=PATH ...]");
  check_intact(argv[1]);
  Environment environment;
  Model model;
  check(LiteRtCreateEnvironment(0, NULL, &environment), "environment");
  check(LiteRtCreateModelFromFile(environment, argv[1], &model), argv[1]);
  if (argc == 2) {
    const void* text;
    size_t size;
    check(LiteRtGetModelMetadata(model, "keras_t2i", &text, &size), argv[1]);
    printf("%.*s\n", (int)size, (const char*)text);
    return 0;
  }

  Options options;
  Compiled compiled;
  check(LiteRtCreateOptions(&options), "options");
  check(LiteRtSetOptionsHardwareAccelerators(options, ON_CPU), "options");
  check(LiteRtCreateCompiledModel(environment, model, options, &compiled),
        argv[1]);

  /* Buffers in the order of the file, each found by its name. */
  Signature signature;
  size_t index = find(model, argv[2], &signature), counts[2];
  Buffer buffers[2][MOST];
  const char* paths[2][MOST];
  check(LiteRtGetNumSignatureInputs(signature, &counts[0]), argv[2]);
  check(LiteRtGetNumSignatureOutputs(signature, &counts[1]), argv[2]);
  for (int out = 0; out < 2; out++) {
    if (counts[out] > MOST) fail(argv[2], "has too many tensors");
    for (size_t i = 0; i < counts[out]; i++) {
      const char* name;
      Tensor tensor;
      TensorType type;
      Requirements needs;
      check((out ? LiteRtGetSignatureOutputName
                 : LiteRtGetSignatureInputName)(signature, i, &name),
            argv[2]);
      check((out ? LiteRtGetSignatureOutputTensor
                 : LiteRtGetSignatureInputTensor)(signature, name, &tensor),
            name);
      check(LiteRtGetRankedTensorType(tensor, &type), name);
      check((out ? LiteRtGetCompiledModelOutputBufferRequirements
                 : LiteRtGetCompiledModelInputBufferRequirements)(
                compiled, index, i, &needs),
            name);
      check(LiteRtCreateManagedTensorBufferFromRequirements(
                environment, &type, needs, &buffers[out][i]),
            name);
      paths[out][i] = path_of(name, argc - 3, argv + 3);
    }
  }

  for (size_t i = 0; i < counts[0]; i++)
    read_input(buffers[0][i], paths[0][i]);
  check(LiteRtRunCompiledModel(compiled, index, counts[0], buffers[0],
                               counts[1], buffers[1]),
        argv[2]);
  for (size_t i = 0; i < counts[1]; i++)
    write_output(buffers[1][i], paths[1][i]);

  for (int out = 0; out < 2; out++)
    for (size_t i = 0; i < counts[out]; i++)
      LiteRtDestroyTensorBuffer(buffers[out][i]);
  LiteRtDestroyCompiledModel(compiled);
  LiteRtDestroyOptions(options);
  LiteRtDestroyModel(model);
  LiteRtDestroyEnvironment(environment);
  return 0;
}
