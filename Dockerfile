# For a processor or a GPU of NVIDIA. Its RUN lines have been tried by hand, the image has not been built.
#   docker build --tag unet-lightning .
#   docker run --rm --gpus all --shm-size 2g --user "$(id -u):$(id -g)" --volume "$PWD:/home/data" unet-lightning doctor
# Without a GPU: leave out --gpus all, and build the small torch with
#   --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu
FROM python:3.11-slim
ARG TORCH_INDEX=https://pypi.org/simple
WORKDIR /home/source
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN pip install --no-cache-dir --constraint constraints.txt --extra-index-url "$TORCH_INDEX" torch
COPY unet_lightning unet_lightning
COPY conf conf
RUN pip install --no-cache-dir --constraint constraints.txt '.[export,coco,roi,nifti]'
ENV XDG_CACHE_HOME=/tmp/cache
WORKDIR /home/data
ENTRYPOINT ["unet-lightning"]
