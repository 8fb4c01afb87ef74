/*
 * What decoders ask of frames: the reprs, sizes and edges of frame objects and generators are told by object/, which
 * must not know this layer.
 */
#include "stack/dissect.h"
#include "stack/frame.h"

static enum cpeek_status frame_where(const struct object *object, target_addr *ret_code, int64_t *ret_line)
{
	struct frame frame;

	TRY(frame_of_object(object, &frame));
	*ret_code = frame.code;
	*ret_line = frame.position.line;
	return CPEEK_OK;
}

struct names {
	enum cpeek_status (*found)(void *arg, target_addr name, target_addr value);
	void *arg;
};

static enum cpeek_status each_variable(void *arg, const struct variable *variable)
{
	const struct names *names = arg;

	return names->found(names->arg, variable->name, variable->value);
}

static enum cpeek_status
generator_variables(const struct object *generator,
		    enum cpeek_status (*found)(void *arg, target_addr name, target_addr value), void *arg)
{
	struct names names = {found, arg};
	struct frame frame;

	TRY(frame_of_object(generator, &frame));
	return frame_walk_variables(generator->objects, &frame, each_variable, &names);
}

static enum cpeek_status dissect(const struct object *object, struct dissection *dissection)
{
	if (type_is_builtin(object->type, "code"))
		return code_dissect(object, dissection);
	if (type_is_builtin(object->type, "frame"))
		return frame_dissect(object, dissection);
	if (type_is_builtin(object->type, "function"))
		return function_dissect(object, dissection);
	return generator_dissect(object, dissection);
}

const struct frame_hooks stack_hooks = {
	.edges = frame_walk_edges,
	.where = frame_where,
	.dissect = dissect,
	.state = generator_read_state,
	.variables = generator_variables,
};
