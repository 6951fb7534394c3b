"""What a .tflite file consists of: its ops, their cost, and who runs them."""

import collections
import math

from tensorflow.lite.python import schema_py_generated as schema

Tensor = collections.namedtuple("Tensor", "name shape dtype constant")
Op = collections.namedtuple("Op", "name options inputs outputs")

# What the GPU delegates of phones take, in float (TensorFlow Lite's
# compatibility list; details below).
_ON_GPU = frozenset(
    "ABS ADD AVERAGE_POOL_2D BATCH_MATMUL CONCATENATION CONV_2D COS"
    " CUMSUM DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV ELU EQUAL EXP"
    " FLOOR FULLY_CONNECTED GELU GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU"
    " LESS LESS_EQUAL LOG LOGICAL_AND LOGISTIC MAXIMUM MAX_POOL_2D MEAN MINIMUM"
    " MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 POW PRELU REDUCE_MAX"
    " REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR"
    " RSQRT SELECT SELECT_V2 SIGN SIN SLICE SOFTMAX SPACE_TO_DEPTH SPLIT"
    " SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH TILE"
    " TRANSPOSE TRANSPOSE_CONV".split()
)
# Looking up words, and bytes to and from numbers: on the CPU.
_ON_CPU = frozenset(("CAST", "GATHER", "ROUND"))
# What no file may have, wherever it runs.
_NOWHERE = frozenset(
    "ASSIGN_VARIABLE CALL CALL_ONCE HASHTABLE HASHTABLE_FIND IF READ_VARIABLE"
    " VAR_HANDLE WHILE".split()
)
_CONVOLUTIONS = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"))
_FLOATS = frozenset(("FLOAT32", "FLOAT16"))


def _names(enumeration):
    return {
        value: name
        for name, value in vars(enumeration).items()
        if not name.startswith("_")
    }


_OP_NAMES = _names(schema.BuiltinOperator)
_TYPE_NAMES = _names(schema.TensorType)


def read(content):
    """The ops of every signature.

    Args:
        content: bytes of a .tflite file.

    Returns:
        dict of signature -> list of `Op`. Weights that are only unpacked
        before they are used count as constant.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    return {
        signature.signatureKey.decode(): _ops(
            model, model.subgraphs[signature.subgraphIndex]
        )
        for signature in model.signatureDefs
    }


def _ops(model, graph):
    tensors = [
        Tensor(
            tensor.name.decode(),
            # NumPy's 32 bits would be too few for products of them.
            tuple(map(int, () if tensor.shape is None else tensor.shape)),
            _TYPE_NAMES[tensor.type],
            model.buffers[tensor.buffer].data is not None,
        )
        for tensor in graph.tensors
    ]
    ops = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = _OP_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if name == "CUSTOM":
            name = code.customCode.decode()
        # Index -1 stands for an input that is left out.
        inputs = [tensors[i] for i in operator.inputs if i >= 0]
        if name == "DEQUANTIZE" and inputs[0].constant:
            index = operator.outputs[0]
            tensors[index] = tensors[index]._replace(constant=True)
        outputs = [tensors[i] for i in operator.outputs]
        ops.append(Op(name, operator.builtinOptions, inputs, outputs))
    return ops


def multiply_adds(op):
    """Multiplications, each with its addition, of one run; 0 for cheap ops."""
    if op.name == "CONV_2D":  # Kernel [O, k, k, I].
        count = math.prod(op.inputs[1].shape[1:])
    elif op.name == "DEPTHWISE_CONV_2D":  # Kernel [1, k, k, O].
        count = math.prod(op.inputs[1].shape[1:3])
    elif op.name == "TRANSPOSE_CONV":  # Of a shape, a kernel and a map.
        kernel, image = op.inputs[1:3]
        return math.prod(image.shape) * math.prod(kernel.shape[:3])
    elif op.name == "FULLY_CONNECTED":  # Kernel [O, I].
        count = op.inputs[1].shape[-1]
    elif op.name == "BATCH_MATMUL":
        count = op.inputs[0].shape[-2 if op.options.adjX else -1]
    else:
        return 0
    return math.prod(op.outputs[0].shape) * count


def on_cpu(op):
    """Whether an op looks words up or handles bytes and whole numbers."""
    if op.name in _ON_CPU:
        return True
    if op.name not in _ON_GPU or op.outputs[0].constant:
        return False
    data = [t for t in (*op.inputs, *op.outputs) if not t.constant]
    return not any(t.dtype in _FLOATS for t in data)


def problem(op, on_gpu):
    """Why phones cannot run an op; None if they can.

    Args:
        op: `Op`.
        on_gpu: whether their GPU shall be able to.
    """
    if op.name not in _OP_NAMES.values() or op.name in _NOWHERE:
        return "is no op that every phone has"
    if not on_gpu or on_cpu(op):
        return None
    if op.name not in _ON_GPU:
        return "is no op that the GPUs of phones have"
    if any(len(t.shape) > 4 for t in (*op.inputs, *op.outputs)):
        return "has more than four dimensions"
    if op.name in _CONVOLUTIONS and not op.inputs[1].constant:
        return "has a kernel that is computed"
    if op.name in ("SLICE", "STRIDED_SLICE"):
        if len(op.inputs[0].shape) not in (3, 4):
            return "cuts what has not three or four dimensions"
    if op.name == "STRIDED_SLICE":
        masks = op.options
        if masks.ellipsisMask or masks.newAxisMask or masks.shrinkAxisMask:
            return "adds or drops dimensions while it cuts"
    if op.name == "MUL":
        first, second = (t.shape for t in op.inputs)
        if len(first) == len(second):
            pairs = list(zip(first, second))
            if any(a < b for a, b in pairs) and any(a > b for a, b in pairs):
                return "repeats both of its factors"
    return None


def layer(op):
    """The layers that an op comes from, as a path, the innermost last."""
    names = [tensor.name for tensor in (*op.outputs, *op.inputs)]
    paths = [name.split(";")[0] for name in names if "/" in name]
    return paths[0].rpartition("/")[0] if paths else names[0]
