"""For the benches that run whole nodes: the library of tests/e2e, and the release build."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ.setdefault("MESOLITH", os.path.join(ROOT, "build", "mesolith"))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from mesolith import *  # noqa: E402,F401,F403 - what the benches name
