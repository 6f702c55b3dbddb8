"""What is shown and what is measured: the demo, the table of speeds, the long runs.

None of it is installed.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
