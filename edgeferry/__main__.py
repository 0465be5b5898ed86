"""`python -m edgeferry` is the `edgeferry` command."""

from edgeferry.cli import main

main()
