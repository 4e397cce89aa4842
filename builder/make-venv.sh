#!/bin/sh
# Makes .venv with Python 3.12, from wherever this machine has it. Installs nothing into it.
# One that is whole stays: .ready stands in it once all is installed. What an interruption has left is made anew.
set -eu
[ -e .venv/.ready ] && .venv/bin/python -m pip --version >/dev/null 2>&1 && exit 0
rm -rf .venv

is_312() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; }

pyenv_root=${PYENV_ROOT:-$HOME/.pyenv}
for python in python3.12 python3 python "$pyenv_root"/versions/3.12*/bin/python "$(uv python find 3.12 2>/dev/null || true)"; do
  if [ -n "$python" ] && is_312 "$python"; then
    echo "Making .venv with $("$python" --version)"
    exec "$python" -m venv .venv
  fi
done
if command -v uv >/dev/null; then
  echo "Making .venv with uv"
  exec uv venv --quiet --seed --python 3.12 .venv
fi
echo "Python 3.12 is needed: bytecode for the browser's Python 3.12 can be written by no other version." >&2
echo "Install it with 'pyenv install 3.12' or 'uv python install 3.12', then run make again." >&2
exit 1
