/*
 * datetime's types: numbers packed into bytes, the most significant first; and zoneinfo.ZoneInfo.
 */
#include "object/phrase.h"
#include "object/sequence.h"

#include <inttypes.h>
#include <string.h>

/* Where the parts stand in PyDateTime_DateTime.data (Include/datetime.h); a time has those from the hour on. */
enum { DATE_SIZE = 4 };

static const uint8_t *data_of(const struct object *object, enum layout_field field)
{
	return object->bytes + layout_offset(object->objects->layout, field);
}

/* ---- date ---- */

static void put_date(struct value *value, const struct object *object, const uint8_t *data)
{
	value_format(value, "%s(%d, %d, %d", object->type->tp_name, data[0] << 8 | data[1], data[2], data[3]);
}

/* date_repr() of Modules/_datetimemodule.c */
static enum cpeek_status date_decode(const struct object *object, struct value *value)
{
	put_date(value, object, data_of(object, FIELD_PyDateTime_Date_data));
	value_text(value, ")");
	return CPEEK_OK;
}

const struct object_type object_type_date = {
	.name = "datetime.date",
	.structure = STRUCT_PyDateTime_Date,
	.decode = date_decode,
};

/* ---- time, datetime ---- */

/* Hours and minutes, then seconds unless they and what follows are 0, then microseconds unless they are. */
static void put_time(struct value *value, const uint8_t *data)
{
	const int microseconds = data[3] << 16 | data[4] << 8 | data[5];

	value_format(value, "%d, %d", data[0], data[1]);
	if (data[2] || microseconds)
		value_format(value, ", %d", data[2]);
	if (microseconds)
		value_format(value, ", %d", microseconds);
}

/* append_keyword_fold() */
static void put_fold(struct value *value, uint64_t fold)
{
	if (fold)
		value_format(value, ", fold=%" PRIu64, fold);
}

/* append_keyword_tzinfo(). A naive object has been allocated without the field. */
static void put_zone(struct value *value, const struct object *object, enum layout_field has, enum layout_field zone)
{
	if (!object_get(object, has))
		return;
	value_text(value, ", tzinfo=");
	value_object(value, object_get(object, zone));
}

/* time_repr() */
static enum cpeek_status time_decode(const struct object *object, struct value *value)
{
	value_format(value, "%s(", object->type->tp_name);
	put_time(value, data_of(object, FIELD_PyDateTime_Time_data));
	put_zone(value, object, FIELD_PyDateTime_Time_hastzinfo, FIELD_PyDateTime_Time_tzinfo);
	put_fold(value, object_get(object, FIELD_PyDateTime_Time_fold));
	value_text(value, ")");
	return CPEEK_OK;
}

static enum cpeek_status time_edges(const struct object *object, struct edges *edges)
{
	if (object_get(object, FIELD_PyDateTime_Time_hastzinfo))
		edges_add_hidden(edges, object, FIELD_PyDateTime_Time_tzinfo);
	return CPEEK_OK;
}

const struct object_type object_type_time = {
	.name = "datetime.time",
	.structure = STRUCT_PyDateTime_Time,
	.decode = time_decode,
	.edges = time_edges,
};

/* datetime_repr() */
static enum cpeek_status datetime_decode(const struct object *object, struct value *value)
{
	const uint8_t *data = data_of(object, FIELD_PyDateTime_DateTime_data);

	put_date(value, object, data);
	value_text(value, ", ");
	put_time(value, data + DATE_SIZE);
	put_fold(value, object_get(object, FIELD_PyDateTime_DateTime_fold));
	put_zone(value, object, FIELD_PyDateTime_DateTime_hastzinfo, FIELD_PyDateTime_DateTime_tzinfo);
	value_text(value, ")");
	return CPEEK_OK;
}

static enum cpeek_status datetime_edges(const struct object *object, struct edges *edges)
{
	if (object_get(object, FIELD_PyDateTime_DateTime_hastzinfo))
		edges_add_hidden(edges, object, FIELD_PyDateTime_DateTime_tzinfo);
	return CPEEK_OK;
}

const struct object_type object_type_datetime = {
	.name = "datetime.datetime",
	.structure = STRUCT_PyDateTime_DateTime,
	.decode = datetime_decode,
	.edges = datetime_edges,
};

/* ---- timedelta ---- */

/* delta_repr(): what is not 0, by name; to 3.6 by place, up to the last one that is not 0. */
static enum cpeek_status delta_decode(const struct object *object, struct value *value)
{
	static const struct {
		enum layout_field field;
		const char *name;
	} parts[] = {
		{FIELD_PyDateTime_Delta_days, "days"},
		{FIELD_PyDateTime_Delta_seconds, "seconds"},
		{FIELD_PyDateTime_Delta_microseconds, "microseconds"},
	};
	enum { PART_COUNT = sizeof(parts) / sizeof(*parts) };
	const bool by_place = layout_trait(object->objects->layout, TRAIT_TIMEDELTA_BY_PLACE);
	const char *separator = "";
	size_t last = PART_COUNT;

	while (last > 0 && !object_get_signed(object, parts[last - 1].field))
		last--;
	value_format(value, "%s(", object->type->tp_name);
	for (size_t i = 0; i < last; i++) {
		const int64_t part = object_get_signed(object, parts[i].field);
		if (by_place)
			value_format(value, "%s%" PRId64, separator, part);
		else if (part)
			value_format(value, "%s%s=%" PRId64, separator, parts[i].name, part);
		else
			continue;
		separator = ", ";
	}
	value_text(value, *separator ? ")" : "0)");
	return CPEEK_OK;
}

const struct object_type object_type_timedelta = {
	.name = "datetime.timedelta",
	.structure = STRUCT_PyDateTime_Delta,
	.decode = delta_decode,
};

/* ---- Zones ---- */

/* timezone_repr(). The one of UTC is known by being timezone.utc; the type lets nobody set another. */
static enum cpeek_status timezone_decode(const struct object *object, struct value *value)
{
	const target_addr name = object_get(object, FIELD_PyDateTime_TimeZone_name);
	target_addr utc;

	value_text(value, object->type->tp_name);
	if (type_find_attribute(object->objects, object->type, "utc", 3, &utc) == CPEEK_OK && utc == object->address) {
		value_text(value, ".utc");
		return CPEEK_OK;
	}
	value_text(value, "(");
	value_object(value, object_get(object, FIELD_PyDateTime_TimeZone_offset));
	if (name) {
		value_text(value, ", ");
		value_object(value, name);
	}
	value_text(value, ")");
	return CPEEK_OK;
}

static const enum layout_field timezone_fields[] = {FIELD_PyDateTime_TimeZone_offset, FIELD_PyDateTime_TimeZone_name};

const struct object_type object_type_timezone = {
	.name = "datetime.timezone",
	.structure = STRUCT_PyDateTime_TimeZone,
	.decode = timezone_decode,
	.fields = timezone_fields,
	.field_count = sizeof(timezone_fields) / sizeof(*timezone_fields),
};

/* zoneinfo_repr() of Modules/_zoneinfo.c: a zone has a key, or is of a file. */
static enum cpeek_status zoneinfo_decode(const struct object *object, struct value *value)
{
	const target_addr key = object_get(object, FIELD_PyZoneInfo_ZoneInfo_key);
	struct object read;

	value_text(value, object->type->tp_name);
	TRY(object_read(object->objects, key, &read));
	if (strcmp(read.type->tp_name, "NoneType") != 0) {
		value_text(value, "(key=");
		value_object(value, key);
	} else {
		value_text(value, ".from_file(");
		value_str(value, object->objects, object_get(object, FIELD_PyZoneInfo_ZoneInfo_file_repr));
	}
	value_text(value, ")");
	return CPEEK_OK;
}

static const enum layout_field zoneinfo_fields[] = {FIELD_PyZoneInfo_ZoneInfo_key};

const struct object_type object_type_zoneinfo = {
	.name = "zoneinfo.ZoneInfo",
	.structure = STRUCT_PyZoneInfo_ZoneInfo,
	.decode = zoneinfo_decode,
	.fields = zoneinfo_fields,
	.field_count = 1,
};

/* ---- What date.isocalendar() returns, 3.9+ ---- */

static enum cpeek_status calendar_items(const struct object *object, struct items *ret)
{
	return sequence_items(object, object_field_address(object, FIELD_PyTupleObject_ob_item), object->ob_size, ret);
}

/* iso_calendar_date_repr(): a tuple of three. */
static enum cpeek_status calendar_decode(const struct object *object, struct value *value)
{
	static const char *const parts[] = {"(year=", ", week=", ", weekday="};
	struct items items;
	struct item item;

	TRY(items_start(object, &items));
	value_text(value, object->type->tp_name);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		enum cpeek_status status = items_next(&items, &item);
		if (status != CPEEK_OK)
			return status == CPEEK_END ? CPEEK_CORRUPT : status;
		value_text(value, parts[i]);
		value_object(value, item.value);
	}
	value_text(value, ")");
	return CPEEK_OK;
}

static enum cpeek_status calendar_edges(const struct object *object, struct edges *edges)
{
	return sequence_edges(object, object_field_address(object, FIELD_PyTupleObject_ob_item), object->ob_size,
			      edges);
}

const struct object_type object_type_calendar_date = {
	.name = "datetime.IsoCalendarDate",
	.structure = STRUCT_PyVarObject,
	.decode = calendar_decode,
	.items = calendar_items,
	.next = sequence_next,
	.edges = calendar_edges,
};
