#!/bin/sh
# Builds `draw` with the TensorFlow that pip installed:
#
#     sh examples/native_serving/build.sh draw
#
# PYTHON=.venv/bin/python says where that is.
set -eu
here=$(dirname "$0") out=$1
lib=$("${PYTHON:-python3}" -c '
import importlib.util
print(*importlib.util.find_spec("tensorflow").submodule_search_locations)
')
# The library has a gigabyte of symbols: of the two linkers gold is faster.
if command -v ld.gold >/dev/null; then gold=-fuse-ld=gold; else gold=; fi
gcc -std=c11 -O2 -Wall -Wextra $gold -I "$lib/include" "$here/draw.c" \
    -o "$out" -L "$lib" -l:libtensorflow_cc.so.2 \
    -l:libtensorflow_framework.so.2 -Wl,-rpath,"$lib"
