/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/version.h"
#include <curses.h>
#include <elfutils/libdwfl.h>
#include <lzma.h>
#include <lzo/lzoconf.h>
#include <pcre2.h>
#include <zlib.h>
#include <zstd.h>

#ifndef VERSION
#define VERSION "0.1"
#endif

void version_print(FILE *out)
{
	char pcre[64] = "";

	pcre2_config(PCRE2_CONFIG_VERSION, pcre);
	fprintf(out, "vmbrowse %s\n", VERSION);
	fprintf(out, "%s, elfutils %s, pcre2 %s,\nzstd %s, zlib %s, lzo %s, lzma %s, snappy\n",
		curses_version(), dwfl_version(NULL), pcre, ZSTD_versionString(), zlibVersion(),
		lzo_version_string(), lzma_version_string());
	fputs("License GPL-2.0-or-later: free software, without any warranty.\n", out);
}
