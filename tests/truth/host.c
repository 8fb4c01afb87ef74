/*
 * A program that is no Python, with one or two CPythons in it, for test_builds.py. Knows of CPython only what every version's
 * stable C API has.
 *
 *     host SCRIPT LIBRARY HOME [SCRIPT LIBRARY HOME]
 *
 * Each script runs in the CPython of its library, the last in the main thread, the other in a thread of its own until it
 * sleeps. LIBRARY "-": the CPython that this program is linked to (with -DLINKED).
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef LINKED
void Py_Initialize(void);
int PyRun_SimpleString(const char *text);
#endif

static void *find(void *library, const char *name)
{
	void *address = dlsym(library, name);

	if (!address) {
		(void)fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return address;
}

static void run_loaded(char **argv, int flags)
{
	void *library = dlopen(argv[1], RTLD_NOW | flags);

	if (!library) {
		(void)fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	int *no_site = find(library, "Py_NoSiteFlag");
	void (*initialize)(void) = (void (*)(void))find(library, "Py_Initialize");
	int (*run)(const char *) = (int (*)(const char *))find(library, "PyRun_SimpleString");
	*no_site = flags == RTLD_LOCAL; /* whose symbols extension modules would not find */
	initialize();
	exit(run(argv[0]));
}

static void run_one(char **argv, int flags)
{
	(void)setenv("PYTHONHOME", argv[2], 1);
	if (argv[1][0] != '-') {
		run_loaded(argv, flags);
	} else {
#ifdef LINKED
		Py_Initialize();
		exit(PyRun_SimpleString(argv[0]));
#endif
	}
}

static void *run_thread(void *argv)
{
	run_one(argv, RTLD_LOCAL);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc > 6) {
		int err = pthread_create(&thread, NULL, run_thread, argv + 1);
		if (err)
			return err;
		while (access("ready", F_OK) != 0)
			(void)usleep(10000);
		run_one(argv + 4, RTLD_GLOBAL);
	} else if (argc > 3) {
		run_one(argv + 1, RTLD_GLOBAL);
	}
	return 1;
}
