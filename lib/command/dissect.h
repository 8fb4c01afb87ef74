/*
 * How a dissection is shown: blocks of bytes with their fields, facts, tables, notes. Every command that explains
 * memory or an algorithm builds a struct dissection and hands it over.
 */
#ifndef COMMAND_DISSECT_H
#define COMMAND_DISSECT_H

#include "command/session.h"
#include "object/dissect.h"

/* The arrays blocks, tables, notes and problems and the object facts into the open record, in the order in which they were
 * built, and the lines that people read. NO_MEMORY, CANCELLED. */
enum cpeek_status dissection_show(struct cpeek_session *session, struct sink *sink,
				  const struct dissection *dissection);
/* Begins the answer about the object at address: reads it, and opens a record with its address and type, which
 * dissection_end() closes. FAULT, CORRUPT, with the reason and what the address belongs to. */
enum cpeek_status dissection_begin(struct cpeek_session *session, struct sink *sink, target_addr address,
				   struct object *ret);
/* Shows the dissection if what built it came to OK, closes the record and frees the dissection. What building it came to,
 * or what showing it did. */
enum cpeek_status dissection_end(struct cpeek_session *session, struct sink *sink, enum cpeek_status status,
				 struct dissection *dissection);
/* What is shown of a value in one line: "0x7f… int 5". The text goes to out. */
enum cpeek_status dissection_put_value(struct cpeek_session *session, const struct dissect_value *value,
				       struct strbuf *out);

#endif
