/*
 * Runs a fuzz target over every file of the folders that are given: corpora replay as ordinary tests, with any
 * compiler.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* false when the file cannot be read. */
static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0, got;

	if (!file)
		return 0;
	do {
		uint8_t *grown = realloc(data, size + 65536);
		if (!grown) {
			free(data);
			(void)fclose(file);
			return 0;
		}
		data = grown;
		got = fread(data + size, 1, 65536, file);
		size += got;
	} while (got > 0);
	int good = !ferror(file);
	(void)fclose(file);
	if (good) {
		/* A block of exactly that size, so that the sanitizer sees what is read behind its end. */
		uint8_t *exact = malloc(size ? size : 1);
		good = exact != NULL;
		if (exact) {
			memcpy(exact, data, size);
			(void)LLVMFuzzerTestOneInput(exact, size);
		}
		free(exact);
	}
	free(data);
	return good;
}

int main(int argc, char **argv)
{
	unsigned long passed = 0, failed = 0;

	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);
		struct dirent *entry;
		if (!folder) {
			printf("%s: cannot be opened\n", argv[i]);
			failed++;
			continue;
		}
		while ((entry = readdir(folder))) {
			char path[4096];
			if (entry->d_name[0] == '.')
				continue;
			(void)snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
			if (replay_file(path)) {
				passed++;
			} else {
				printf("%s: cannot be read\n", path);
				failed++;
			}
		}
		(void)closedir(folder);
	}
	if (passed == 0)
		failed++; /* a corpus that is not there tests nothing */
	printf("%lu passed, %lu failed\n", passed, failed);
	return failed != 0;
}
