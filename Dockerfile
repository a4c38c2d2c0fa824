# sceneswap in a container, on the processor:
#
#   docker build -t sceneswap .
#   docker run --rm --user "$(id -u)" -v "$PWD:/data" sceneswap swap beach.jpg dusk.jpg -o painted.png
#
# With a GPU: --build-arg BASE=… names an image that holds Python 3.11 or newer with pip, and PyTorch 2.6 or newer with CUDA;
# that PyTorch is then used as it is. Add --gpus all to `docker run`.
ARG BASE=python:3.12-slim
FROM ${BASE}

WORKDIR /opt/sceneswap
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src src
# The CPU build of PyTorch, unless the base has one. (Debian's Python lets pip in only when told that it may.)
RUN if python3 -c 'import torch' 2> /dev/null; then sed -i '/^torch==/d' constraints.txt; fi \
    && PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --no-cache-dir \
       --extra-index-url https://download.pytorch.org/whl/cpu -c constraints.txt . \
    && sceneswap --version

ENV HOME=/tmp
WORKDIR /data
ENTRYPOINT ["sceneswap"]
CMD ["--help"]
