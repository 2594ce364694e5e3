"""Runs a script where its packages are: here, or else in a virtual environment beside it."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent
VENV = FOLDER / ".venv"


def missing(modules):
    return [name for name in modules if importlib.util.find_spec(name) is None]


def require(*modules):
    """Returns when every module can be imported; otherwise restarts inside the environment.

    Nothing outside `.venv` is installed or changed.
    """
    absent = missing(modules)
    if not absent:
        return
    if {"-h", "--help"} & set(sys.argv[1:]):
        # Help installs nothing; the flags themselves are known to what needs the packages.
        script = Path(sys.argv[0])
        print(f"{sys.modules['__main__'].__doc__}\nusage: {script.name} [FLAGS]; they are shown")
        print(f"once {', '.join(absent)} are there, which a first run without --help installs.")
        raise SystemExit(0)
    python = VENV / "bin" / "python3"
    if Path(sys.prefix) == VENV:
        raise SystemExit(
            f"bench: error: {', '.join(absent)} missing from {VENV}\n"
            f"  hint: remove that folder and run again"
        )
    stamp = VENV / "requirements.installed"
    wanted = (FOLDER / "requirements.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"bench: installing {', '.join(absent)} into {VENV}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run(
            [
                str(python),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
                str(FOLDER / "requirements.txt"),
            ],
            check=True,
        )
        stamp.write_text(wanted)
    os.execv(str(python), [str(python), *sys.argv])
