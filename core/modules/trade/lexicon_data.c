/*
 * The lexicon files, inside of every program: a result names their digest, so
 * they change with the program and with nothing else.
 */
#include "modules/trade/lexicon.h"

#define FILE_IN(name, path) __asm__( \
	".section .rodata\n" \
	".global " #name "\n" ".global " #name "_end\n" \
	#name ":\n" ".incbin \"" path "\"\n" \
	#name "_end:\n" ".byte 0\n" ".previous\n")

FILE_IN(trade_lexicon_finance, "static/lexicon/finance.txt");
FILE_IN(trade_lexicon_vader, "static/lexicon/vader.txt");
