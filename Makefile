# supernet: `make train` runs the main job, `make test` proves it works.
BUILD   ?= build
CC      ?= gcc
PKGS    := openblas inih jansson zlib
CFLAGS  := -std=c11 -D_POSIX_C_SOURCE=200809L -O3 -g -fopenmp -ffp-contract=fast \
           -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wstrict-prototypes \
           -Wmissing-prototypes -Wwrite-strings -Wdouble-promotion \
           -Wfloat-conversion -Wformat=2 -Wcast-align $(WERROR) $(EXTRA)
CPPFLAGS = -I. -Isrc $(shell pkg-config --cflags $(PKGS))
LDLIBS   = $(shell pkg-config --libs $(PKGS)) -lm

LIB_SRC := $(filter-out src/cli/%,$(wildcard src/*/*.c)) \
           $(wildcard kernels/*.c kernels/*/*.c) $(wildcard datasets/*.c)
CLI_SRC := $(wildcard src/cli/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)

all: $(BUILD)/supernet

$(BUILD)/libsupernet.a: $(LIB_OBJ)
	rm -f $@ && ar rcs $@ $^

$(BUILD)/supernet: $(CLI_SRC:%.c=$(BUILD)/%.o) $(BUILD)/libsupernet.a
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/kernels/avx2/%.o: CFLAGS += -mavx2 -mfma
$(BUILD)/kernels/avx512/%.o: CFLAGS += -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -c -o $@ $<

-include $(LIB_OBJ:.o=.d)
clean:
	rm -rf $(BUILD)
.PHONY: all clean
