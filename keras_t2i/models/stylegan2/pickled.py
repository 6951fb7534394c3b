"""Reads arrays out of a pickle without unpickling it.

A pickle is a program that may call any function. Here a small machine walks
through it that can put numbers, strings, lists and dicts together and nothing
else. Names of functions are looked up in a short list of those that say how
arrays are stored; they are never imported, and any other is refused. Time and
memory stay within what the size of the file gives reason for: arrays are
views of its bytes.
"""

import io
import math
import pickletools
import re

import numpy as np

# The largest published network has 400 MB and takes some 30,000 steps.
_MAX_BYTES = 2**31
_MAX_STEPS = 1_000_000
# What may be copied from one string to another, in all.
_MAX_COPIED = 100_000_000
_MAX_NAME = 200
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {
    "torch.DoubleStorage": "<f8",
    "torch.FloatStorage": "<f4",
    "torch.HalfStorage": "<f2",
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ByteStorage": "<u1",
    "torch.BoolStorage": "|b1",
}


class Record:
    """An object as it was stored: the name of its class and a dict."""

    def __init__(self, name, state):
        self.name = name
        self.state = state


def read(path):
    """The content of a pickle file.

    Args:
        path: of the file.

    Returns:
        Numbers, strings, bytes, None, tuples, lists (also for sets), dicts,
        `Record`s, and what `as_array` takes, nested.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, too large, or asks for anything that a
            file of arrays does not need.
    """
    with open(path, "rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"{path} has more than {_MAX_BYTES} bytes.")
    try:
        return _Machine().run(io.BytesIO(data))
    # A made-up file fails in any way, at any step.
    except Exception as error:
        raise ValueError(
            f"{path} is no pickle of a network, or it is damaged or unsafe: "
            f"{error or 'it ends early'}"
        ) from error


class _Global:
    """A name of a function or class. It stays a name."""

    def __init__(self, name):
        self.name = name


class _Array:
    """A NumPy array, whose content comes after its name."""

    value = None


class _DType:
    """A NumPy type, whose byte order comes after its name."""

    def __init__(self, code):
        if not re.fullmatch("[fiu][1248]|b1", code):
            raise ValueError("it has arrays of something but numbers")
        self.code = code
        self.order = "<"

    @property
    def value(self):
        return np.dtype(self.order + self.code)


def as_array(value):
    """The NumPy array, read-only, of something that `read` found.

    Raises:
        ValueError: it is no array.
    """
    return _as(np.ndarray, getattr(value, "value", value))


class _Machine:
    """Runs pickles, within one budget of steps and copied bytes."""

    def __init__(self):
        self.steps = 0
        self.copied = 0

    def run(self, stream, persistent=None):
        """One pickle, from where the stream stands.

        Args:
            stream: `io.BytesIO`; afterwards it stands behind the pickle.
            persistent: function of what stands for objects kept outside of
                the pickle; None refuses these.

        Returns:
            The content, as `read` gives it.
        """
        stack, marks, memo = [], [], {}

        def since_mark():
            at = marks.pop()
            found = stack[at:]
            del stack[at:]
            return found

        for opcode, value, _ in pickletools.genops(stream):
            self.steps += 1
            if self.steps > _MAX_STEPS:
                raise ValueError(f"it has more than {_MAX_STEPS} steps")
            name = opcode.name
            if name in _VALUES:
                stack.append(value)
            elif name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            elif name in _EMPTY:
                stack.append(_EMPTY[name]())
            elif name == "MARK":
                marks.append(len(stack))
            elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
                memo[value] = stack[-1]
            elif name == "MEMOIZE":
                memo[len(memo)] = stack[-1]
            elif name in ("GET", "BINGET", "LONG_BINGET"):
                stack.append(memo[value])
            elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
                count = int(name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            elif name in ("TUPLE", "LIST", "FROZENSET"):
                found = since_mark()
                stack.append(tuple(found) if name == "TUPLE" else found)
            elif name == "DICT":
                stack.append(_updated({}, since_mark()))
            elif name == "APPEND":
                found = stack.pop()
                _as(list, stack[-1]).append(found)
            elif name in ("APPENDS", "ADDITEMS"):
                found = since_mark()
                _as(list, stack[-1]).extend(found)
            elif name == "SETITEM":
                found = stack[-2:]
                del stack[-2:]
                _updated(stack[-1], found)
            elif name == "SETITEMS":
                found = since_mark()
                _updated(stack[-1], found)
            elif name == "GLOBAL":
                stack.append(_named(*value.split(" ", 1)))
            elif name == "STACK_GLOBAL":
                stack[-2:] = [_named(*stack[-2:])]
            elif name in ("REDUCE", "NEWOBJ"):
                stack[-2:] = [self._call(name, *stack[-2:])]
            elif name == "BUILD":
                state = stack.pop()
                _build(stack[-1], state)
            elif name == "BINPERSID" and persistent is not None:
                stack.append(persistent(stack.pop()))
            elif name == "STOP":
                return stack.pop()
            elif name not in ("PROTO", "FRAME"):
                raise ValueError(f"it takes the step {name}")

    def _call(self, how, function, args):
        """What a call would give, for the few that store arrays."""
        name = _as(_Global, function).name
        args = _as(tuple, args)
        if how == "NEWOBJ" and name in _CLASSES:
            return _CLASSES[name](name)
        if how == "NEWOBJ" or name not in _FUNCTIONS:
            raise ValueError(f"it calls {name}")
        return _FUNCTIONS[name](self, *args)

    # Each takes the arguments of the function of its name.

    def ordered_dict(self, pairs=()):
        if pairs:
            raise ValueError("it has an ordered dict in an unknown form")
        return {}

    def collection(self, values):
        return _as(list, values)

    def encoded(self, text, encoding):
        if _as(str, encoding) not in ("latin1", "latin-1"):
            raise ValueError("it encodes in an unknown way")
        self.copied += len(text)
        if self.copied > _MAX_COPIED:
            raise ValueError("it encodes too much text")
        return text.encode("latin-1")

    def record(self, meta):
        # The class comes as source code, which is not read.
        return Record(_as(str, meta["class_name"]), _as(dict, meta["state"]))

    def device(self, *where):
        return where

    def array(self, kind, shape, code):
        return _Array()

    def dtype(self, code, *_):
        return _DType(_as(str, code))

    def scalar(self, dtype, data):
        kind = _as(_DType, dtype).value
        return np.frombuffer(_as(bytes, data), kind, 1).reshape(())

    def parameter(self, tensor, *_):
        return _as(np.ndarray, tensor)

    def tensor(self, storage, offset, size, stride, *_):
        """A view of a storage; never more numbers than this has."""
        storage = _as(np.ndarray, storage)
        numbers = [_as(int, n) for n in (offset, *size, *stride)]
        if len(size) != len(stride) or min(numbers) < 0:
            raise ValueError("a tensor has an impossible shape")
        last = offset + sum((n - 1) * s for n, s in zip(size, stride))
        if 0 in size:
            return np.zeros(size, storage.dtype)
        if math.prod(size) > len(storage) or last >= len(storage):
            raise ValueError("a tensor is larger than its storage")
        step = storage.itemsize
        return np.lib.stride_tricks.as_strided(
            storage[offset:], size, [step * s for s in stride], writeable=False
        )

    def storage(self, data):
        """The numbers of a file of torch inside of the pickle."""
        stream = io.BytesIO(_as(bytes, data))
        if self.run(stream) != _TORCH_MAGIC:
            raise ValueError("it has a tensor in an unknown format")
        self.run(stream)  # The version.
        self.run(stream)  # Sizes of numbers on the machine that wrote.
        kinds = {}

        def named(description):
            _, kind, key, _, count, view = _as(tuple, description)
            if view is not None:
                raise ValueError("it has a storage within a storage")
            kinds[_as(str, key)] = _as(_Global, kind).name, count
            return key

        key = _as(str, self.run(stream, named))
        self.run(stream)  # The keys of all storages, which is this one.
        kind, count = kinds[key]
        if len(kinds) != 1 or kind not in _STORAGES:
            raise ValueError("it has a tensor of an unknown kind")
        if int.from_bytes(stream.read(8), "little") != count:
            raise ValueError("a tensor has another size than it says")
        return np.frombuffer(data, _STORAGES[kind], count, stream.tell())


# What an opcode puts on the stack: its argument, or a value of its own.
_VALUES = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT UNICODE "
    "BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES "
    "BINBYTES8".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list}
_CLASSES = {
    "dnnlib.util.EasyDict": lambda name: {},
    "dnnlib.tflib.network.Network": lambda name: Record(name, {}),
}
_FUNCTIONS = {
    "_codecs.encode": _Machine.encoded,
    "builtins.set": _Machine.collection,
    "collections.OrderedDict": _Machine.ordered_dict,
    "numpy.core.multiarray._reconstruct": _Machine.array,
    "numpy.core.multiarray.scalar": _Machine.scalar,
    "numpy.dtype": _Machine.dtype,
    "torch._utils._rebuild_parameter": _Machine.parameter,
    "torch._utils._rebuild_tensor_v2": _Machine.tensor,
    "torch.device": _Machine.device,
    "torch.storage._load_from_bytes": _Machine.storage,
    "torch_utils.persistence._reconstruct_persistent_obj": _Machine.record,
}
_NAMES = {*_CLASSES, *_FUNCTIONS, *_STORAGES, "numpy.ndarray"}
_RENAMED = (("__builtin__.", "builtins."), ("numpy._core.", "numpy.core."))


def _named(module, name):
    if len(_as(str, module)) + len(_as(str, name)) > _MAX_NAME:
        raise ValueError("it has names of great length")
    name = f"{module}.{name}"
    for new, old in _RENAMED:
        name = name.replace(new, old)
    if name not in _NAMES:
        raise ValueError(f"it names {name!r}, which no network needs")
    return _Global(name)


def _as(kind, value):
    """The value, if it is of a type."""
    if not isinstance(value, kind):
        raise ValueError(f"it has a {type(value).__name__} in a wrong place")
    return value


def _updated(mapping, flat):
    """Adds keys and values that alternate to a dict."""
    for key, value in zip(flat[::2], flat[1::2], strict=True):
        # Nested tuples as keys could take for ever to compare.
        _as(dict, mapping)[_as((str, int), key)] = value
    return mapping


def _build(target, state):
    """Gives an object its content."""
    if isinstance(target, Record):
        target.state = _as(dict, state)
    elif isinstance(target, _DType):
        target.order = _as(str, state[1])
    elif isinstance(target, _Array):
        _, shape, dtype, fortran, data = _as(tuple, state)
        dtype = _as(_DType, dtype).value
        found = np.frombuffer(_as(bytes, data), dtype)
        target.value = found.reshape(shape, order="F" if fortran else "C")
    else:
        raise ValueError("it changes an object")
