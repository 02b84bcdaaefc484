/*
 * Runs a fuzz target on files, and on the files of directories, given as
 * arguments, so that corpora are replayed without a fuzzing compiler. Fails if
 * nothing was run.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
replay_file(const char *path)
{
	struct stat st;
	uint8_t *buf;
	size_t n;
	FILE *f;

	if ((f = fopen(path, "rb")) == NULL || fstat(fileno(f), &st) != 0) {
		perror(path);
		if (f != NULL)
			fclose(f);
		return -1;
	}
	/* An exact heap block, so that ASan sees the first byte too far. */
	n = (size_t)st.st_size;
	if ((buf = malloc(n > 0 ? n : 1)) == NULL)
		abort();
	n = fread(buf, 1, n, f);
	fclose(f);
	LLVMFuzzerTestOneInput(buf, n);
	free(buf);
	return 1;
}

/* Number of inputs run, or -1. */
static int
replay(const char *path)
{
	char name[4096];
	struct dirent *d;
	int n = 0;
	DIR *dir;

	if ((dir = opendir(path)) == NULL)
		return replay_file(path);
	while (n >= 0 && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, d->d_name);
		n = replay_file(name) < 0 ? -1 : n + 1;
	}
	closedir(dir);
	return n;
}

int
main(int argc, char **argv)
{
	int i, n, total = 0;

	for (i = 1; i < argc; i++) {
		if ((n = replay(argv[i])) < 0)
			return 1;
		total += n;
	}
	printf("%s: %d inputs\n", argv[0], total);
	return total > 0 ? 0 : 1;
}
