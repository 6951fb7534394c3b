/* A picture of a text from an exported model, without Python.
 *
 *     draw FOLDER TEXT SEED OUT.png [OP_LIBRARY...]
 *
 * FOLDER is a version folder of `keras-t2i export serving`, such as
 * served/flowers/1. It is loaded and run through the C API of TensorFlow, the
 * way TensorFlow Serving loads it. OP_LIBRARYs bring the ops of TF Text that
 * its text encoder needs, see README.md. Exit codes: 0, or 1 with one line on
 * what is wrong.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("draw: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static void check(const TF_Status *status, const char *what) {
  if (TF_GetCode(status) == TF_OK) return;
  /* The first line says it; a trace of the graph may follow. */
  const char *message = TF_Message(status);
  fail("%s: %.*s", what, (int)strcspn(message, "\n"), message);
}

/* What a model calls its tensors is written in its MetaGraphDef, a protocol
 * buffer. A few lines read the part of it that is needed: fields with a number
 * and a length, one inside the other. */

typedef struct {
  const uint8_t *data;
  size_t size;
} Bytes;

static uint64_t read_number(Bytes *bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && bytes->size; shift += 7) {
    uint8_t byte = *bytes->data++;
    bytes->size--;
    value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return value;
  }
  fail("FOLDER: its description is damaged");
  return 0;
}

/* Takes the next field with a length and this number out of a message. */
static int next_field(Bytes *message, uint64_t number, Bytes *field) {
  while (message->size) {
    uint64_t tag = read_number(message);
    uint64_t length = 0;
    switch (tag & 7) {
      case 0: read_number(message); break;
      case 1: length = 8; break;
      case 2: length = read_number(message); break;
      case 5: length = 4; break;
      default: fail("FOLDER: its description is damaged");
    }
    if (length > message->size) fail("FOLDER: its description is damaged");
    *field = (Bytes){message->data, length};
    message->data += length;
    message->size -= length;
    if ((tag & 7) == 2 && tag >> 3 == number) return 1;
  }
  return 0;
}

/* The value of a key in field `number` of a message, a map. */
static Bytes value_of(Bytes message, uint64_t number, const char *key) {
  Bytes entry, found;
  while (next_field(&message, number, &entry)) {
    Bytes rest = entry;
    if (next_field(&rest, 1, &found) && found.size == strlen(key) &&
        !memcmp(found.data, key, found.size) &&
        next_field(&entry, 2, &found)) {
      return found;
    }
  }
  fail("FOLDER: no export of keras-t2i, it has no %s", key);
  return found;
}

enum { SIGNATURES = 5, INPUTS = 1, OUTPUTS = 2, NAME = 1 };

/* The tensor, "operation:index", of an input or output. */
static TF_Output tensor_of(TF_Graph *graph, Bytes signature, uint64_t kind,
                           const char *key) {
  Bytes info = value_of(signature, kind, key), name;
  char operation[256];
  int index = 0;
  if (!next_field(&info, NAME, &name) || name.size >= sizeof operation) {
    fail("FOLDER: its description is damaged");
  }
  memcpy(operation, name.data, name.size);
  operation[name.size] = 0;
  char *colon = strrchr(operation, ':');
  if (colon) {
    index = atoi(colon + 1);
    *colon = 0;
  }
  TF_Operation *found = TF_GraphOperationByName(graph, operation);
  if (!found) fail("FOLDER: its graph has no %s", operation);
  return (TF_Output){found, index};
}

/* Tensors of one row. */

static TF_Tensor *row(TF_DataType type, size_t size) {
  int64_t shape[] = {1};
  return TF_AllocateTensor(type, shape, 1, size);
}

static TF_Tensor *text_row(const char *text) {
  TF_Tensor *tensor = row(TF_STRING, sizeof(TF_TString));
  TF_TString *string = TF_TensorData(tensor);
  TF_StringInit(string);
  TF_StringCopy(string, text, strlen(text));
  return tensor;
}

int main(int count, char **arguments) {
  if (count < 5) {
    fail("usage: draw FOLDER TEXT SEED OUT.png [OP_LIBRARY...]");
  }
  const char *folder = arguments[1], *text = arguments[2], *out = arguments[4];
  char *end;
  long long seed = strtoll(arguments[3], &end, 10);
  if (*end || end == arguments[3]) {
    fail("SEED must be a whole number, not %s", arguments[3]);
  }

  TF_Status *status = TF_NewStatus();
  for (int i = 5; i < count; i++) {
    TF_LoadLibrary(arguments[i], status);
    check(status, arguments[i]);
  }

  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Buffer *description = TF_NewBuffer();
  const char *tags[] = {"serve"};
  TF_Session *session = TF_LoadSessionFromSavedModel(
      options, NULL, folder, tags, 1, graph, description, status);
  check(status, "FOLDER is no SavedModel that can be loaded");

  Bytes meta_graph = {description->data, description->length};
  Bytes signature = value_of(meta_graph, SIGNATURES, "serving_default");
  TF_Output inputs[] = {
      tensor_of(graph, signature, INPUTS, "text"),
      tensor_of(graph, signature, INPUTS, "seed"),
      tensor_of(graph, signature, INPUTS, "truncation"),
  };
  TF_Output outputs[] = {
      tensor_of(graph, signature, OUTPUTS, "image_bytes"),
      tensor_of(graph, signature, OUTPUTS, "error"),
  };

  TF_Tensor *values[] = {
      text_row(text),
      row(TF_INT64, sizeof(int64_t)),
      row(TF_FLOAT, sizeof(float)),
  };
  *(int64_t *)TF_TensorData(values[1]) = seed;
  *(float *)TF_TensorData(values[2]) = 1.0f;
  TF_Tensor *found[2] = {NULL, NULL};
  TF_SessionRun(session, NULL, inputs, values, 3, outputs, found, 2, NULL, 0,
                NULL, status);
  check(status, "the model");

  const TF_TString *png = TF_TensorData(found[0]);
  const TF_TString *error = TF_TensorData(found[1]);
  if (TF_StringGetSize(error)) {
    fail("%.*s", (int)TF_StringGetSize(error), TF_StringGetDataPointer(error));
  }
  FILE *file = fopen(out, "wb");
  size_t size = TF_StringGetSize(png);
  if (!file || fwrite(TF_StringGetDataPointer(png), 1, size, file) != size ||
      fclose(file)) {
    fail("%s cannot be written", out);
  }

  for (int i = 0; i < 3; i++) TF_DeleteTensor(values[i]);
  for (int i = 0; i < 2; i++) TF_DeleteTensor(found[i]);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteBuffer(description);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
