#!/bin/sh
# Becomes the command. numba takes its cache only from a folder that it may write to, and the image is read-only: so it
# gets a copy of what was compiled when the image was built. (On another kind of processor it compiles anew.)
set -eu
mkdir -p "$NUMBA_CACHE_DIR"
cp -R /opt/sightline/kernels/. "$NUMBA_CACHE_DIR"
exec "$@"
