/*
 * Line tables, decoded entry by entry in bounded reads. Knows their bytes, and no code object.
 */
#include "stack/lines.h"

enum {
	READ_BYTES = 512,
	LOCATION_BYTES_MAX = 32, /* of one entry of locations: its first byte and four varints of at most six bytes */
	NO_LINE = -128,          /* PEP 626: a line delta that means "no line here" */
	UNIT = 2,                /* bytes of an instruction */
};

/* The kinds of a location entry: Objects/locations.md, 3.11. 0 to 9 are short forms, 10 to 12 one line ones. */
enum { KIND_ONE_LINE = 10, KIND_NO_COLUMNS = 13, KIND_LONG = 14, KIND_NONE = 15 };

struct reader {
	const struct lines *lines;
	uint64_t next;     /* offset of the byte behind the buffer */
	size_t at, filled; /* in the buffer */
	uint8_t buffer[READ_BYTES];
};

/* END behind the last byte. */
static enum cpeek_status next_byte(struct reader *reader, uint8_t *ret)
{
	if (reader->at == reader->filled) {
		uint64_t left = reader->lines->size - reader->next;
		size_t length = left < READ_BYTES ? (size_t)left : READ_BYTES;
		if (length == 0)
			return CPEEK_END;
		TRY(reader->lines->read(reader->lines->arg, reader->next, reader->buffer, length));
		reader->next += length;
		reader->filled = length;
		reader->at = 0;
	}
	*ret = reader->buffer[reader->at++];
	return CPEEK_OK;
}

/* A byte-code delta and a signed line delta. END behind the last pair. */
static enum cpeek_status next_pair(struct reader *reader, unsigned *ret_bytes, int *ret_lines)
{
	uint8_t bytes, lines;

	TRY(next_byte(reader, &bytes));
	TRY(next_byte(reader, &lines));
	*ret_bytes = bytes;
	*ret_lines = lines < 0x80 ? lines : lines - 0x100;
	return CPEEK_OK;
}

/* PyCode_Addr2Line() in Objects/codeobject.c, 3.9: the last line whose start is not behind the offset. */
static enum cpeek_status find_in_lnotab(struct reader *reader, int64_t byte_offset, struct position *position)
{
	int64_t start = 0, line = reader->lines->first_line;
	unsigned bytes;
	int delta;
	enum cpeek_status status;

	while ((status = next_pair(reader, &bytes, &delta)) == CPEEK_OK) {
		start += bytes;
		if (start > byte_offset)
			break;
		line += delta;
	}
	if (status != CPEEK_OK && status != CPEEK_END)
		return status;
	position->line = line;
	return CPEEK_OK;
}

/* PyLineTable_NextAddressRange() in Objects/codeobject.c, 3.10: each pair is the length of a range and the line delta
 * to it. A delta that says "no line" leaves the running line as it is. */
static enum cpeek_status find_in_pep626(struct reader *reader, int64_t byte_offset, struct position *position)
{
	int64_t end = 0, line = reader->lines->first_line;
	unsigned bytes;
	int delta;
	enum cpeek_status status;

	while ((status = next_pair(reader, &bytes, &delta)) == CPEEK_OK) {
		end += bytes;
		if (delta != NO_LINE)
			line += delta;
		if (end > byte_offset) {
			position->line = delta == NO_LINE ? -1 : line;
			return CPEEK_OK;
		}
	}
	return status == CPEEK_END ? CPEEK_OK : status;
}

/* One entry of a location table: bit 7 marks its first byte. */
struct location {
	uint8_t bytes[LOCATION_BYTES_MAX];
	size_t length, at;
};

/* END behind the last entry. *first holds the entry's first byte and gets that of the next one (0: there is none). */
static enum cpeek_status next_location(struct reader *reader, uint8_t *first, struct location *ret)
{
	if (*first == 0)
		return CPEEK_END;
	ret->bytes[0] = *first;
	ret->length = ret->at = 1;
	*first = 0;
	for (;;) {
		uint8_t byte;
		enum cpeek_status status = next_byte(reader, &byte);
		if (status == CPEEK_END)
			return CPEEK_OK;
		TRY(status);
		if (byte & 0x80) {
			*first = byte;
			return CPEEK_OK;
		}
		if (ret->length == LOCATION_BYTES_MAX)
			return CPEEK_CORRUPT;
		ret->bytes[ret->length++] = byte;
	}
}

static enum cpeek_status location_byte(struct location *location, int64_t *ret)
{
	if (location->at == location->length)
		return CPEEK_CORRUPT;
	*ret = location->bytes[location->at++];
	return CPEEK_OK;
}

/* Six bits a byte, the lowest first; 0x40 says that more follow. */
static enum cpeek_status location_varint(struct location *location, int64_t *ret)
{
	int64_t value = 0, byte;
	unsigned shift = 0;

	do {
		if (shift > 30)
			return CPEEK_CORRUPT; /* more than CPython's 32 bits */
		TRY(location_byte(location, &byte));
		value |= (byte & 0x3f) << shift;
		shift += 6;
	} while (byte & 0x40);
	*ret = value;
	return CPEEK_OK;
}

/* Bit 0 is the sign. */
static enum cpeek_status location_signed_varint(struct location *location, int64_t *ret)
{
	int64_t value;

	TRY(location_varint(location, &value));
	*ret = value & 1 ? -(value >> 1) : value >> 1;
	return CPEEK_OK;
}

/* advance_with_locations() in Objects/codeobject.c, 3.11. *line is the running line. */
static enum cpeek_status location_decode(struct location *location, int64_t *line, struct position *ret)
{
	int kind = location->bytes[0] >> 3 & 15;
	struct position position = {-1, -1, -1, -1};
	int64_t delta = 0, lines = 0, byte;

	if (kind == KIND_NONE) {
		*ret = position;
		return CPEEK_OK;
	}
	if (kind == KIND_LONG) {
		TRY(location_signed_varint(location, &delta));
		TRY(location_varint(location, &lines));
		TRY(location_varint(location, &position.column));
		TRY(location_varint(location, &position.end_column));
		position.column--; /* 0 stands for "not known" */
		position.end_column--;
	} else if (kind == KIND_NO_COLUMNS) {
		TRY(location_signed_varint(location, &delta));
	} else if (kind >= KIND_ONE_LINE) {
		delta = kind - KIND_ONE_LINE;
		TRY(location_byte(location, &position.column));
		TRY(location_byte(location, &position.end_column));
	} else {
		TRY(location_byte(location, &byte));
		position.column = kind << 3 | byte >> 4;
		position.end_column = position.column + (byte & 15);
	}
	*line += delta;
	position.line = *line;
	position.end_line = *line + lines;
	*ret = position;
	return CPEEK_OK;
}

static enum cpeek_status find_in_locations(struct reader *reader, int64_t byte_offset, struct position *ret)
{
	int64_t end = 0, line = reader->lines->first_line;
	struct location location;
	uint8_t first = 0;
	enum cpeek_status status = next_byte(reader, &first);

	if (status == CPEEK_OK && !(first & 0x80))
		return CPEEK_CORRUPT;
	while (status == CPEEK_OK && (status = next_location(reader, &first, &location)) == CPEEK_OK) {
		struct position position;
		TRY(location_decode(&location, &line, &position));
		end += ((location.bytes[0] & 7) + 1) * UNIT;
		if (end > byte_offset) {
			*ret = position;
			return CPEEK_OK;
		}
	}
	return status == CPEEK_END ? CPEEK_OK : status;
}

enum cpeek_status lines_find(const struct lines *lines, int64_t byte_offset, struct position *ret)
{
	struct reader reader = {.lines = lines};
	struct position position = {-1, -1, -1, -1};

	if (lines->size > LINES_SIZE_MAX)
		return CPEEK_CORRUPT;
	if (byte_offset < 0) {
		position.line = lines->first_line;
	} else if (lines->form == LINES_LNOTAB) {
		TRY(find_in_lnotab(&reader, byte_offset, &position));
	} else if (lines->form == LINES_PEP626) {
		TRY(find_in_pep626(&reader, byte_offset, &position));
	} else {
		TRY(find_in_locations(&reader, byte_offset, &position));
	}
	if (position.line < 0) /* no line, or damage: deltas that go below the first line of a file */
		position.line = position.end_line = -1;
	*ret = position;
	return CPEEK_OK;
}

/* ---- All of it ---- */

struct walk {
	struct reader reader;
	int64_t length;
	bool past_end, ended;
	line_range_fn found;
	void *arg;
};

static enum cpeek_status visit(struct walk *walk, int64_t start, int64_t end, struct position position)
{
	if (position.line < 0)
		position.line = position.end_line = -1;
	if (start >= walk->length && !walk->past_end) {
		walk->ended = true;
		return CPEEK_OK;
	}
	return walk->found(walk->arg, &(struct line_range){start, end, position});
}

static enum cpeek_status walk_lnotab(struct walk *walk)
{
	int64_t start = 0, line = walk->reader.lines->first_line;
	unsigned bytes;
	int delta;
	enum cpeek_status status = CPEEK_OK;

	while (!walk->ended && (status = next_pair(&walk->reader, &bytes, &delta)) == CPEEK_OK) {
		if (bytes)
			TRY(visit(walk, start, start + bytes, (struct position){line, -1, -1, -1}));
		start += bytes;
		line += delta;
	}
	if (walk->ended)
		return CPEEK_OK;
	if (status != CPEEK_END)
		return status;
	return visit(walk, start, walk->length > start ? walk->length : start, (struct position){line, -1, -1, -1});
}

static enum cpeek_status walk_pep626(struct walk *walk)
{
	int64_t start = 0, line = walk->reader.lines->first_line;
	unsigned bytes;
	int delta;
	enum cpeek_status status = CPEEK_OK;

	while (!walk->ended && (status = next_pair(&walk->reader, &bytes, &delta)) == CPEEK_OK) {
		if (delta != NO_LINE)
			line += delta;
		if (bytes)
			TRY(visit(walk, start, start + bytes,
				  (struct position){delta == NO_LINE ? -1 : line, -1, -1, -1}));
		start += bytes;
	}
	return status == CPEEK_END ? CPEEK_OK : status;
}

static enum cpeek_status walk_locations(struct walk *walk)
{
	int64_t start = 0, line = walk->reader.lines->first_line;
	struct location location;
	uint8_t first = 0;
	enum cpeek_status status = next_byte(&walk->reader, &first);

	if (status == CPEEK_OK && !(first & 0x80))
		return CPEEK_CORRUPT;
	while (!walk->ended && status == CPEEK_OK &&
	       (status = next_location(&walk->reader, &first, &location)) == CPEEK_OK) {
		struct position position;
		TRY(location_decode(&location, &line, &position));
		const int64_t end = start + ((location.bytes[0] & 7) + 1) * UNIT;
		TRY(visit(walk, start, end, position));
		start = end;
	}
	return status == CPEEK_END ? CPEEK_OK : status;
}

enum cpeek_status lines_walk(const struct lines *lines, int64_t length, bool past_end, line_range_fn found, void *arg)
{
	struct walk walk = {
		.reader = {.lines = lines}, .length = length, .past_end = past_end, .found = found, .arg = arg};

	if (lines->size > LINES_SIZE_MAX)
		return CPEEK_CORRUPT;
	if (lines->form == LINES_LNOTAB)
		return walk_lnotab(&walk);
	return lines->form == LINES_PEP626 ? walk_pep626(&walk) : walk_locations(&walk);
}
