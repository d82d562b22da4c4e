PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ZOO := $(VENV)/zoo
PURELIB := -c "import sysconfig; print(sysconfig.get_path('purelib'))"

CLUSTER_TOOLS ?= ../shared/tools

.PHONY: env lock train test test-cluster test-gpu test-export test-zoo check fuzz crash bench race studies docs clean clean-cache

env: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

lock: env  ## requirements.lock: the versions of constraints.txt with hashes; torch and torchvision aren't in it, their build depends on the machine
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	printf 'torch\ntorchvision\n' | $(BIN)/uv pip compile pyproject.toml --all-extras --constraint constraints.txt --excludes - \
		--python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet \
		--output-file requirements.lock >/dev/null

train: env  ## train and score a model with every default
	$(BIN)/python train.py

test: env  ## the whole test suite, a file at a time on every processor
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test-cluster: env  ## sweeps on SLURM and Ray on this machine; CLUSTER_TOOLS holds slurm_up.sh and sacct
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,ray]'
	CLUSTER_TOOLS=$(CLUSTER_TOOLS) $(BIN)/python -m pytest -s tests/cluster/slurm.py tests/cluster/ray_embedded.py

check: env  ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

fuzz: env  ## 2,000 spoilt sets, 2,000 damaged files, 500 crafted checkpoints, 500 wrong overrides; a part of each is in the suite
	UNET_LIGHTNING_FUZZ=2000 $(BIN)/python -m pytest tests/test_fuzz*.py

crash: env  ## kill -9 at 100 random moments; every run ends as if nothing had happened, bit for bit
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.crash 100

test-gpu: env  ## on a machine with CUDA: every network, precision and compilation, memory, speed
	$(BIN)/python -m pytest -s tests/training/test_gpu.py

test-export: env  ## every network as ONNX beside torch: up-sampling, convolution, depth, norm, channels; half an hour
	$(BIN)/python -m pytest -s tests/prediction/every_export.py

test-zoo: env  ## packages of the BioImage Model Zoo by its own program, bioimageio.core, in an environment of its own above env: it needs an older pydantic
	$(BIN)/python -m venv $(ZOO)
	echo "import site; site.addsitedir('$$($(BIN)/python $(PURELIB))')" > "$$($(ZOO)/bin/python $(PURELIB))/env.pth"
	$(ZOO)/bin/python -m pip install --quiet --disable-pip-version-check bioimageio.core==0.11.0 'pydantic<2.14'
	$(ZOO)/bin/python -m pytest tests/prediction/zoo

bench: env  ## speed, as ratios measured in one run; `make bench QUICK=1` on small sizes
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick)

race: env  ## against a plain MONAI recipe at equal processor seconds, what isn't kept yet: about two hours; `make race SET=drive` one set
	$(BIN)/python -m experiments.race $(SET)

studies: env  ## tables and figures of experiments/*/README*.md, written anew from the results that are kept
	$(BIN)/python -m experiments.render

docs: env  ## the pages of docs/, conf/ and experiments/ as a site that opens from its folder: site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet -f docs/mkdocs.yml

clean:
	rm -rf site $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache

clean-cache:  ## the decoded images of large sets, in the default data.cache_dir
	rm -rf "$${XDG_CACHE_HOME:-$${HOME:?}/.cache}/unet-lightning"
