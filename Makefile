# supernet: `make train` runs the main job, `make test` proves it works.
BUILD   ?= build
CC      ?= gcc
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)
QUIET    = $(if $(V),,@echo "  $(if $(filter %.o,$@),cc,ld) $@"; )

# ---- libraries ----
PKGS     := inih jansson zlib libprotobuf-c
CPPFLAGS := -I. -Isrc -I$(BUILD)/gen $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla \
            -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
            -Wdouble-promotion -Wfloat-conversion -Wformat=2 -Wcast-align
CFLAGS   := -std=c11 -D_POSIX_C_SOURCE=200809L -O3 -g -fopenmp \
            -ffp-contract=fast $(WARNINGS) $(WERROR) $(EXTRA)

# ---- sources: a file in a room's folder is part of the build ----
# An instruction set is part of it where the compiler knows its flags.
SIMD    := $(foreach f,$(wildcard kernels/*/flags),$(shell $(CC) $$(cat $f) \
           -E -x c /dev/null >/dev/null 2>&1 && basename $$(dirname $f)))
KERNELS := $(wildcard kernels/*.c kernels/ref/*.c) \
           $(foreach i,$(SIMD),$(wildcard kernels/$i/*.c))
LIB_SRC := $(KERNELS) $(filter-out src/cli/%,$(wildcard src/*/*.c)) \
           $(wildcard datasets/*.c)
# The double-precision build of the gradient checks: what they look at.
F64_SRC := $(filter-out $(SIMD:%=kernels/%/%),$(KERNELS)) \
           $(foreach r,base regress nn optim target search task,$(wildcard src/$r/*.c))
ROOMS   ?= *
CHECK_SRC := $(foreach r,$(ROOMS),$(wildcard tests/$r/check_*.c))
GRAD_SRC  := $(foreach r,$(ROOMS),$(wildcard tests/$r/grad_*.c))
SCRIPTS   := $(foreach e,sh py,$(wildcard $(ROOMS:%=tests/%/check_*.$e)))

MESSAGES := $(BUILD)/gen/export/onnx.pb-c
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o) $(MESSAGES).o
CLI_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/cli/*.c))
F64_OBJ := $(F64_SRC:%.c=$(BUILD)/f64/%.o)
# A bench without a header beside it is a program, the others are parts of all.
PARTS   := $(patsubst %.h,$(BUILD)/%,$(wildcard bench/*.h))
BENCHES := $(filter-out $(PARTS),$(patsubst %.c,$(BUILD)/%,$(wildcard \
           bench/*.c bench/peers/*.c)))
CHECKS  := $(CHECK_SRC:%.c=$(BUILD)/%)
GRADS   := $(GRAD_SRC:%.c=$(BUILD)/f64/%)
LIB     := $(BUILD)/libsupernet.a
LIB64   := $(BUILD)/f64/libsupernet64.a

all: $(BUILD)/supernet $(BENCHES)

help:
	@echo 'make train        packages, build, the main job (ARGS: its flags)'
	@echo 'make test         packages, build, all tests (ONLY=WORD SEED=N ISA=NAME)'
	@echo 'make asan         the quick tests under the sanitizers (QUICK=rooms)'
	@echo 'make all bench bench-peers lint format deps clean'
	@echo 'BUILD=DIR builds elsewhere, V=1 shows commands, WERROR=-Werror as CI'

# ---- the two commands ----
# Packages first, then a second make that can see them.
train:
	@.ci/deps build
	@$(MAKE) --no-print-directory $(PARALLEL) $(BUILD)/supernet
	$(BUILD)/supernet train configs/quickstart.ini $(ARGS)

test: deps
	@$(MAKE) --no-print-directory $(PARALLEL) tests
	@BUILD=$(BUILD) ONLY='$(ONLY)' tests/run.sh $(BUILD)/tests/log \
	    $(CHECKS) $(GRADS) $(SCRIPTS)

PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))
export SEED ISA

tests: $(BUILD)/supernet $(BENCHES) $(CHECKS) $(GRADS)

# The tests that are quick under the sanitizers, and the rooms they walk.
QUICK ?= base config datasets kernels regress target search nn train export report
SANITIZE := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
            -fno-omit-frame-pointer
asan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan ROOMS='$(QUICK)' \
	    EXTRA='$(SANITIZE) $(EXTRA)' test

bench bench-peers: $(BENCHES)
	@BUILD=$(BUILD) bench/$@.sh $(ARGS)

deps: ; @.ci/deps test

lint: $(MESSAGES).c
	@CPPFLAGS='$(CPPFLAGS)' tests/lint.sh

format:
	clang-format-14 -i $$(git ls-files '*.c' '*.h')

clean: ; rm -rf $(BUILD)

# ---- rules ----
$(LIB): $(LIB_OBJ)
$(LIB64): $(F64_OBJ)
$(LIB) $(LIB64):
	@rm -f $@
	$(QUIET)ar qcs $@ $^

$(BUILD)/supernet: $(CLI_OBJ) $(LIB)
$(BENCHES): $(BUILD)/%: $(BUILD)/%.o $(PARTS:=.o) $(LIB)
$(BUILD)/bench/peers/dnnl: LDLIBS += $(if $(wildcard /usr/include/dnnl.h),-ldnnl)
$(BUILD)/supernet $(BENCHES):
	$(QUIET)$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

# Allocations of our code pass through tests/check.c, which can refuse them.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc
$(CHECKS): $(BUILD)/%: $(BUILD)/%.o $(BUILD)/tests/check.o $(LIB)
$(GRADS): $(BUILD)/f64/%: $(BUILD)/f64/%.o $(BUILD)/f64/tests/check.o $(LIB64)
$(CHECKS) $(GRADS):
	$(QUIET)$(CC) $(CFLAGS) $(WRAP) -o $@ $^ $(LDLIBS) -lcmocka

$(foreach i,$(SIMD),$(eval $(BUILD)/kernels/$i/%.o: CFLAGS += $(shell cat kernels/$i/flags)))
$(BUILD)/kernels/%.o: CPPFLAGS += $(if $(filter amx,$(SIMD)),-DSN_AMX)
# The writer of JPEGs in there shifts into the sign, as is the custom.
$(BUILD)/datasets/image_stb.o: CFLAGS += -fno-sanitize=shift
$(BUILD)/tests/%.o $(BUILD)/f64/tests/%.o: CPPFLAGS += -Itests

# The revision stands in env.json; its file changes only when it does.
REVISION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
$(BUILD)/revision: always
	@mkdir -p $(@D)
	@echo '$(REVISION)' | cmp -s - $@ || echo '$(REVISION)' >$@
$(BUILD)/src/job/env.o: CPPFLAGS += -DSN_REVISION='"$(REVISION)"'
$(BUILD)/src/job/env.o: $(BUILD)/revision

# What the kernels are: times measured with others are told.
KERNEL_FILES := $(sort $(wildcard kernels/*.[ch] kernels/*/*.[ch]))
KERNELS_SUM  := $(shell cat $(KERNEL_FILES) | cksum | tr ' ' -)
$(BUILD)/src/job/cost_cache.o: CPPFLAGS += -DSN_KERNELS_SUM='"$(KERNELS_SUM)"'
$(BUILD)/src/job/cost_cache.o: $(KERNEL_FILES)
# protoc-c makes C of the messages of ONNX files.
$(MESSAGES).c: src/export/onnx.proto
	@mkdir -p $(BUILD)/gen
	$(QUIET)protoc-c --proto_path=src --c_out=$(BUILD)/gen export/onnx.proto
$(MESSAGES).o: $(MESSAGES).c
	$(QUIET)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(filter $(BUILD)/src/export/%,$(LIB_OBJ)) $(CHECKS:%=%.o): | $(MESSAGES).c

$(BUILD)/f64/%.o: %.c
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(CPPFLAGS) -DSN_DOUBLE $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: always all help train test tests asan bench bench-peers deps lint format clean
