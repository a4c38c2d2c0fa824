# sceneswap in a container, on the processor:
#
#   docker build -t sceneswap .
#   docker run --rm --user "$(id -u)" -v "$PWD:/work" sceneswap swap beach.jpg dusk.jpg -o painted.png
#
# With a GPU: --build-arg BASE=… names an image that holds Python 3.11 or newer and PyTorch with CUDA, whose PyTorch is
# then used; add --gpus all to `docker run`.
ARG BASE=python:3.12-slim
FROM ${BASE}

WORKDIR /opt/sceneswap
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src src
# The CPU build of PyTorch, unless the base has one: a PyTorch of the right version is left as it is.
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -c constraints.txt . \
    && sceneswap --version

ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["sceneswap"]
CMD ["--help"]
