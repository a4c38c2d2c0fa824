"""`python -m sceneswap` is `sceneswap`."""

from sceneswap.cli.main import main

if __name__ == "__main__":
    main()
