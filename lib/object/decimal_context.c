/*
 * decimal.Context and its dicts of signals, as C code has them: an mpd_context_t.
 */
#include "object/decoder.h"

#include <inttypes.h>
#include <string.h>

/* Bits of mpd_context_t.status and traps, Modules/_decimal/libmpdec/mpdecimal.h; those that decimal calls
 * InvalidOperation, which come out once, and MPD_Float_operation of Modules/_decimal/_decimal.c. */
enum { INVALID = 0x2 | 0x8 | 0x10 | 0x20 | 0x80 | 0x100 | 0x200 };
static const struct {
	uint32_t bits;
	const char *name;
} signals[] = {
	{0x1, "Clamped"},    {INVALID, "InvalidOperation"}, {0x4, "DivisionByZero"},
	{0x40, "Inexact"},   {0x400, "FloatOperation"},     {0x800, "Overflow"},
	{0x1000, "Rounded"}, {0x2000, "Subnormal"},         {0x4000, "Underflow"},
};

static void put_signals(struct value *value, uint64_t bits)
{
	bool first = true;

	value_text(value, "[");
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		if (!(bits & signals[i].bits))
			continue;
		value_format(value, "%s%s", first ? "" : ", ", signals[i].name);
		first = false;
	}
	value_text(value, "]");
}

/* context_repr() of Modules/_decimal/_decimal.c; mpd_round_string of libmpdec/constants.c */
static enum cpeek_status context_decode(const struct object *object, struct value *value)
{
	static const char *const roundings[] = {"ROUND_UP",        "ROUND_DOWN",    "ROUND_CEILING",
						"ROUND_FLOOR",     "ROUND_HALF_UP", "ROUND_HALF_DOWN",
						"ROUND_HALF_EVEN", "ROUND_05UP",    "ROUND_TRUNC"};
	if (!layout_has(object->objects->layout, FIELD_PyDecContextObject_round))
		return CPEEK_UNSUPPORTED;
	const uint64_t rounding = object_get(object, FIELD_PyDecContextObject_round);

	if (rounding >= sizeof(roundings) / sizeof(*roundings))
		return CPEEK_CORRUPT;
	value_format(value,
		     "Context(prec=%" PRId64 ", rounding=%s, Emin=%" PRId64 ", Emax=%" PRId64 ", capitals=%" PRId64
		     ", clamp=%" PRId64 ", flags=",
		     object_get_signed(object, FIELD_PyDecContextObject_prec), roundings[rounding],
		     object_get_signed(object, FIELD_PyDecContextObject_emin),
		     object_get_signed(object, FIELD_PyDecContextObject_emax),
		     object_get_signed(object, FIELD_PyDecContextObject_capitals),
		     object_get_signed(object, FIELD_PyDecContextObject_clamp));
	put_signals(value, object_get(object, FIELD_PyDecContextObject_status));
	value_text(value, ", traps=");
	put_signals(value, object_get(object, FIELD_PyDecContextObject_ctx_traps));
	value_text(value, ")");
	return CPEEK_OK;
}

static const enum layout_field context_fields[] = {FIELD_PyDecContextObject_traps, FIELD_PyDecContextObject_flags};

const struct object_type object_type_decimal_context = {
	.name = "decimal.Context",
	.structure = STRUCT_PyDecContextObject,
	.decode = context_decode,
	.fields = context_fields,
	.field_count = sizeof(context_fields) / sizeof(*context_fields),
};

/* signaldict_repr(): of the class in C that decimal.SignalDict derives from. */
static enum cpeek_status signals_decode(const struct object *object, struct value *value)
{
	static const struct {
		const char *name;
		uint32_t bits;
	} items[] = {
		{"InvalidOperation", INVALID},
		{"FloatOperation", 0x400},
		{"DivisionByZero", 0x4},
		{"Overflow", 0x800},
		{"Underflow", 0x4000},
		{"Subnormal", 0x2000},
		{"Inexact", 0x40},
		{"Rounded", 0x1000},
		{"Clamped", 0x1},
	};
	uint32_t bits;

	if (!layout_has(object->objects->layout, FIELD_PyDecSignalDictObject_flags))
		return CPEEK_UNSUPPORTED;
	const target_addr address = object_get(object, FIELD_PyDecSignalDictObject_flags);
	if (!address) {
		value_text(value, "invalid signal dict");
		return CPEEK_OK;
	}
	TRY(target_read_u32(object->objects->target, address, &bits));
	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++)
		value_format(value, "%s<class 'decimal.%s'>:%s", i ? ", " : "{", items[i].name,
			     bits & items[i].bits ? "True" : "False");
	value_text(value, "}");
	return CPEEK_OK;
}

const struct object_type object_type_decimal_signals = {
	.name = "decimal.SignalDictMixin",
	.structure = STRUCT_PyDecSignalDictObject,
	.decode = signals_decode,
};
