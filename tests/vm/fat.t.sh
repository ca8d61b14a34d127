#!/bin/sh
# SPDX-License-Identifier: ISC
# The test of media by the kernel's own FAT32 and exFAT, which the machine that builds may not be allowed to mount.
. "${CW_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}/tests/cli/sync-fat.t.sh"
