# 六零 Liuling. `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ONLY   ?=
KEEP   ?=

# Tests and the demo start the services dozens of times: what is compiled once is kept, also where it is not the custom.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo up down test test-fast test-containers check contracts bench compose-test lock clean

help:
	@echo "make demo          一个社区的一年：从花名册到账本 one community's year, from the roster to a ledger that balances"
	@echo "make demo KEEP=.liuling  同上并保留数据，供 make up 查看 the same, and keep it for make up to show"
	@echo "make up            启动整个平台并打印地址和令牌 start the platform; prints addresses and tokens"
	@echo "make down          停止 make up 启动的平台 stop what make up started"
	@echo "make test          全部测试 all tests, on a real PostgreSQL and a real Kafka"
	@echo "make test-containers  内核测试在官方镜像上 the kernel's tests on the official images, where Docker runs"
	@echo "make check         格式、类型、结构、契约 lint, types, structure, contracts"
	@echo "make bench         基准测试 benchmarks, one JSON line each (ONLY=points_ingest for one)"
	@echo "make compose-test  在容器中运行整个平台 the platform in containers, run and taken down"
	@echo "make contracts     重新生成事件模式和接口文档 write schemas, AsyncAPI and OpenAPI documents anew"
	@echo "make lock          重新锁定依赖 lock the requirements anew"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "需要 Python 3.11 或更新 Python 3.11 or newer is needed: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

FONTS := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-fonts.txt

$(VENV)/.local: requirements-local.txt requirements-fonts.txt | $(VENV)/bin/python
	@echo "安装依赖 installing what the platform needs …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-local.txt
	@$(FONTS)
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements-fonts.txt | $(VENV)/bin/python
	@echo "安装依赖 installing what tests and checks need …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(FONTS)
	@touch $@ $(VENV)/.local

demo: $(VENV)/.local
	@$(BIN)/python -m deploy.demo $(if $(KEEP),--keep $(KEEP))

up: $(VENV)/.local
	@$(BIN)/python -m deploy.local up

down: $(VENV)/.local
	@$(BIN)/python -m deploy.local down

test: $(VENV)/.dev
	$(BIN)/python -m pytest tests -n 3 --dist loadfile --no-loadscope-reorder

test-fast: $(VENV)/.dev
	$(BIN)/python -m pytest tests/unit tests/contract

test-containers: $(VENV)/.dev
	LIULING_TEST_PARTS=containers $(BIN)/python -m pytest tests/integration/kernel

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m shared.contracts.catalogue check
	$(BIN)/python -m docs.api.openapi check

contracts: $(VENV)/.dev
	$(BIN)/python -m shared.contracts.catalogue write
	$(BIN)/python -m docs.api.openapi write

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.bench $(ONLY)

compose-test: $(VENV)/.local
	bash deploy/ci/compose-test.sh

LOCK := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-header \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host
lock: $(VENV)/.dev
	$(BIN)/pip install --quiet "pip-tools>=7.5,<8"
	$(LOCK) --extra local --extra dev -o requirements-dev.txt pyproject.toml
	$(LOCK) --extra local -c requirements-dev.txt -o requirements-local.txt pyproject.toml
	$(LOCK) -c requirements-dev.txt -o requirements.txt pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
