/*
 * EXPR: names an object. A primary (0xADDRESS, $REGISTER, NAME) and any number of .NAME, [NUMBER] and ["KEY"], looked
 * up in memory alone: no descriptor runs, no __getattr__ is called.
 */
#include "command/session.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 512 };

struct parser {
	struct cpeek_session *session;
	const char *text; /* the whole, for messages */
	const char *at;
	struct object_member *field; /* NULL: the answer must be an object */
	struct strbuf *field_text;
};

static enum cpeek_status usage(const struct parser *parser)
{
	return error_set(&parser->session->error, CPEEK_USAGE,
			 "\"%.200s\" is not understood at column %zu: EXPR is an address, a name, or a path such as "
			 "self.cache['k'][0].name",
			 parser->text, (size_t)(parser->at - parser->text) + 1);
}

static bool is_name_byte(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80 ||
	       (!first && c >= '0' && c <= '9');
}

/* The name at the parser; its length, 0 if there is none. */
static size_t name_length(const char *at)
{
	size_t length = 0;
	while (is_name_byte(at[length], length == 0))
		length++;
	return length;
}

static enum cpeek_status find_in_dict(struct cpeek_session *session, target_addr dict, const char *name, size_t length,
				      target_addr *ret)
{
	return dict ? dict_find(session->objects, dict, name, length, ret) : CPEEK_NOT_FOUND;
}

struct search {
	struct objects *objects;
	const char *name;
	size_t length;
	target_addr found;
};

static enum cpeek_status match_variable(void *arg, const struct variable *variable)
{
	struct search *search = arg;

	if (!str_equals(search->objects, variable->name, search->name, search->length))
		return CPEEK_OK;
	search->found = variable->value;
	return CPEEK_END;
}

/* Whether the search goes on elsewhere: then what was found there may not be what the name means. */
static bool recoverable(struct objects *objects, enum cpeek_status status)
{
	return status != CPEEK_OK && objects_tolerate(objects, status) == CPEEK_OK;
}

/* Locals, then globals, then builtins of the selected frame; then modules. */
static enum cpeek_status find_name(struct cpeek_session *session, const char *name, size_t length, target_addr *ret)
{
	const struct frame *frame;

	if (session_frame(session, &frame) == CPEEK_OK) {
		struct search search = {session->objects, name, length, 0};
		enum cpeek_status status = frame_walk_variables(session->objects, frame, match_variable, &search);
		if (search.found) {
			*ret = search.found;
			return CPEEK_OK;
		}
		TRY(objects_tolerate(session->objects, status));
		status = find_in_dict(session, frame->globals, name, length, ret);
		if (!recoverable(session->objects, status))
			return status;
		status = find_in_dict(session, frame->builtins, name, length, ret);
		if (!recoverable(session->objects, status))
			return status;
	}
	const struct python *python = session->python;
	for (size_t i = 0; i < python->interpreter_count; i++) {
		const target_addr dicts[] = {python->interpreters[i].builtins, python->interpreters[i].modules};
		for (size_t j = 0; j < sizeof(dicts) / sizeof(*dicts); j++) {
			enum cpeek_status status = find_in_dict(session, dicts[j], name, length, ret);
			if (!recoverable(session->objects, status))
				return status;
		}
	}
	return CPEEK_NOT_FOUND;
}

/* "collections.abc.Mapping": the longest prefix that names a module which no variable hides. */
static enum cpeek_status parse_name(struct parser *parser, target_addr *ret)
{
	struct cpeek_session *session = parser->session;
	const size_t length = name_length(parser->at);

	if (length == 0)
		return usage(parser);
	enum cpeek_status status = find_name(session, parser->at, length, ret);
	if (status == CPEEK_NOT_FOUND)
		return error_set(&session->error, status, "'%.*s' not found", length > 200 ? 200 : (int)length,
				 parser->at);
	if (status == CPEEK_OK)
		parser->at += length;
	return status;
}

static enum cpeek_status parse_address(struct parser *parser, target_addr *ret)
{
	char *end;
	unsigned long long address = strtoull(parser->at, &end, 16);

	if (end <= parser->at + 2 || is_name_byte(*end, false))
		return usage(parser);
	parser->at = end;
	*ret = address;
	return CPEEK_OK;
}

/* The debugger's own expression: everything up to the end, or to a blank. */
static enum cpeek_status parse_debugger(struct parser *parser, target_addr *ret)
{
	struct cpeek_session *session = parser->session;
	char text[NAME_MAX_BYTES];
	uint64_t value;
	const size_t length =
		1 + strspn(parser->at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	if (!session->host.evaluate)
		return error_set(&session->error, CPEEK_USAGE, "\"%.80s\" needs a debugger: pass an address instead",
				 parser->at);
	if (length >= sizeof(text))
		return usage(parser);
	memcpy(text, parser->at, length);
	text[length] = '\0';
	if (session->host.evaluate(session->host.arg, text, &value) != 0)
		return error_set(&session->error, CPEEK_NOT_FOUND, "the debugger cannot evaluate \"%.80s\"", text);
	parser->at += length;
	*ret = value;
	return CPEEK_OK;
}

static enum cpeek_status find_attribute(struct cpeek_session *session, target_addr address, const char *name,
					size_t length, target_addr *ret)
{
	struct object object;
	struct attributes attributes;

	TRY(object_read(session->objects, address, &object));
	if (length == 9 && memcmp(name, "__class__", 9) == 0) {
		*ret = object.type->address;
		return CPEEK_OK;
	}
	if (length == 8 && memcmp(name, "__dict__", 8) == 0 &&
	    object_read_attributes(&object, &attributes) == CPEEK_OK && attributes.dict) {
		*ret = attributes.dict;
		return CPEEK_OK;
	}
	if (object.type->flags & TYPE_TYPE_SUBCLASS) {
		/* A class finds what it and its bases define before what its metaclass does. */
		const struct type *self;
		TRY(type_read(session->objects, address, &self));
		enum cpeek_status status = type_find_attribute(session->objects, self, name, length, ret);
		if (!recoverable(session->objects, status))
			return status;
	}
	return attribute_find(&object, name, length, ret);
}

/* What the object's C structure tells, which goes before what its class has: the getter of the same name. NOT_FOUND. The
 * address becomes 0 for what is no object. */
static enum cpeek_status find_member(struct parser *parser, target_addr *address, const char *name, size_t length)
{
	struct cpeek_session *session = parser->session;
	const struct limits limits = {.string = 0};
	struct strbuf text = {0};
	struct object object;
	struct object_member member;

	TRY(object_read(session->objects, *address, &object));
	if (object.type->flags & TYPE_TYPE_SUBCLASS)
		return CPEEK_NOT_FOUND;
	enum cpeek_status status = member_find(&object, name, length, &limits, &member, &text);
	if (status == CPEEK_OK && !member.object && !parser->field)
		status = error_set(&session->error, CPEEK_USAGE,
				   "\"%.200s\": %s is no object but a field of one: print "
				   "shows it",
				   parser->text, member.name);
	if (status == CPEEK_OK) {
		*address = member.object;
		if (!member.object) {
			*parser->field = member;
			strbuf_append(parser->field_text, strbuf_text(&text), text.length);
		}
	}
	strbuf_deinit(&text);
	return status;
}

static enum cpeek_status parse_attribute(struct parser *parser, target_addr *address)
{
	const char *name = ++parser->at;
	const size_t length = name_length(name);

	if (length == 0)
		return usage(parser);
	enum cpeek_status status = find_member(parser, address, name, length);
	if (status != CPEEK_OK && status != CPEEK_USAGE && recoverable(parser->session->objects, status))
		status = find_attribute(parser->session, *address, name, length, address);
	if (status == CPEEK_NOT_FOUND)
		return error_set(&parser->session->error, status, "%.*s has no attribute '%.*s' in memory",
				 (int)(name - 1 - parser->text > 200 ? 200 : name - 1 - parser->text), parser->text,
				 length > 200 ? 200 : (int)length, name);
	parser->at += length;
	return status;
}

/* A quoted key, with \\, \' and \" as escapes; UTF-8. */
static enum cpeek_status parse_quoted(struct parser *parser, char *key, size_t *length)
{
	const char quote = *parser->at++;

	*length = 0;
	while (*parser->at && *parser->at != quote) {
		if (*parser->at == '\\' && parser->at[1])
			parser->at++;
		if (*length == NAME_MAX_BYTES)
			return usage(parser);
		key[(*length)++] = *parser->at++;
	}
	if (*parser->at != quote)
		return usage(parser);
	parser->at++;
	return CPEEK_OK;
}

struct key {
	bool is_text;
	char text[NAME_MAX_BYTES];
	size_t length;
	int64_t number;
};

static bool key_matches(struct objects *objects, const struct key *key, target_addr address)
{
	int64_t number;

	if (key->is_text)
		return str_equals(objects, address, key->text, key->length);
	return int_read(objects, address, &number) == CPEEK_OK && number == key->number;
}

static enum cpeek_status find_item(struct cpeek_session *session, target_addr address, const struct key *key,
				   target_addr *ret)
{
	struct object object;
	struct items items;
	struct item item;
	enum cpeek_status status;

	TRY(object_read(session->objects, address, &object));
	TRY(items_start(&object, &items));
	const bool mapping = type_is_mapping(object.type);
	if (key->is_text && !mapping)
		return CPEEK_NOT_FOUND;
	int64_t index = key->number < 0 ? key->number + (int64_t)items.count : key->number;
	if (!mapping && index < 0)
		return CPEEK_NOT_FOUND;
	while ((status = items_next(&items, &item)) == CPEEK_OK) {
		if (mapping ? key_matches(session->objects, key, item.key) : index-- == 0) {
			*ret = item.value;
			return CPEEK_OK;
		}
	}
	return status == CPEEK_END ? CPEEK_NOT_FOUND : status;
}

static enum cpeek_status parse_item(struct parser *parser, target_addr *address)
{
	struct key key = {0};
	const char *start = parser->at++;

	parser->at += strspn(parser->at, " ");
	if (*parser->at == '"' || *parser->at == '\'') {
		key.is_text = true;
		TRY(parse_quoted(parser, key.text, &key.length));
	} else {
		char *end;
		key.number = strtoll(parser->at, &end, 0);
		if (end == parser->at)
			return usage(parser);
		parser->at = end;
	}
	parser->at += strspn(parser->at, " ");
	if (*parser->at != ']')
		return usage(parser);
	parser->at++;
	enum cpeek_status status = find_item(parser->session, *address, &key, address);
	if (status == CPEEK_NOT_FOUND)
		return error_set(&parser->session->error, status, "%.*s has no item %.*s",
				 (int)(start - parser->text > 200 ? 200 : start - parser->text), parser->text,
				 (int)(parser->at - start > 200 ? 200 : parser->at - start), start);
	return status;
}

static enum cpeek_status parse_path(struct parser *parser, target_addr *ret)
{
	target_addr address;

	parser->at += strspn(parser->at, " ");
	if (strncmp(parser->at, "0x", 2) == 0)
		TRY(parse_address(parser, &address));
	else if (*parser->at == '$')
		TRY(parse_debugger(parser, &address));
	else
		TRY(parse_name(parser, &address));
	while (address && (*parser->at == '.' || *parser->at == '['))
		TRY(*parser->at == '.' ? parse_attribute(parser, &address) : parse_item(parser, &address));
	parser->at += strspn(parser->at, " ");
	if (*parser->at)
		return usage(parser);
	*ret = address;
	return CPEEK_OK;
}

static enum cpeek_status evaluate(struct cpeek_session *session, const char *text, target_addr *ret,
				  struct object_member *field, struct strbuf *field_text)
{
	struct parser parser = {session, text, text, field, field_text};
	const uint64_t failures = session_failures(session);

	enum cpeek_status status = parse_path(&parser, ret);
	if (status == CPEEK_NOT_FOUND && session_failures(session) != failures)
		return error_set(&session->error, CPEEK_CORRUPT, "%.500s; but not all could be read where it may be",
				 session->error.text);
	if (status == CPEEK_FAULT)
		return error_set(&session->error, status, "cannot follow \"%.200s\": 0x%llx is unreadable (%s)", text,
				 (unsigned long long)session->target->fault_address,
				 target_hole_text(session->target->fault_hole));
	if (status == CPEEK_CORRUPT)
		return error_set(&session->error, status, "cannot follow \"%.200s\": what lies there is no object",
				 text);
	return status;
}

enum cpeek_status expression_evaluate(struct cpeek_session *session, const char *text, target_addr *ret)
{
	return evaluate(session, text, ret, NULL, NULL);
}

enum cpeek_status expression_evaluate_field(struct cpeek_session *session, const char *text, target_addr *ret,
					    struct object_member *ret_field, struct strbuf *field)
{
	return evaluate(session, text, ret, ret_field, field);
}
