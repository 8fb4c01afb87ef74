#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void error_record(struct error *error, enum cpeek_status status, const char *format, ...)
{
	char text[sizeof(error->text)]; /* the arguments may be the old text, to say more about it */
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);
	memcpy(error->text, text, strlen(text) + 1);
	error->status = status;
}
