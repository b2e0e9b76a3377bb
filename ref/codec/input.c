// SPDX-License-Identifier: MIT
#include "codec/input.h"

#include <string.h>

enum lp_code lp_input_open(struct lp_input *in, struct lp_reader *from, struct lp_err *err)
{
	uint8_t *window = malloc(LP_INPUT_BACK + LP_INPUT_BYTES);

	*in = (struct lp_input){0};
	if (!window)
		return lp_fail(err, LP_ESYSTEM, LP_NO_OFFSET, NULL, "allocate an input window");
	*in = (struct lp_input){.p = window, .from = from, .window = window};
	return LP_OK;
}

void lp_input_open_frame(struct lp_input *in, const void *p, size_t n)
{
	*in = (struct lp_input){.p = p, .left = n};
}

void lp_input_free(struct lp_input *in)
{
	free(in->window);
	*in = (struct lp_input){0};
}

enum lp_code lp_input_fill(struct lp_input *in, size_t least, struct lp_err *err)
{
	uint8_t *start;
	size_t back, got;

	if (in->left >= least || !in->from)
		return LP_OK;
	start = in->window + LP_INPUT_BACK;
	back = (size_t)(in->p - in->window);
	if (back > LP_INPUT_BACK)
		back = LP_INPUT_BACK;
	memmove(start - back, in->p - back, back + in->left);
	in->p = start;
	while (in->left < least && in->from) {
		if (lp_read(in->from, start + in->left, LP_INPUT_BYTES - in->left, &got, err))
			return err->code;
		if (!got)
			in->from = NULL;
		in->left += got;
	}
	return LP_OK;
}

enum lp_code lp_input_read(struct lp_input *in, void *p, size_t n, size_t *got,
			   struct lp_err *err)
{
	*got = 0;
	if (!in->left && n >= LP_INPUT_BYTES && in->from) {
		if (lp_read(in->from, p, n, got, err))
			return err->code;
		in->at += *got;
		return LP_OK;
	}
	if (lp_input_fill(in, 1, err))
		return err->code;
	*got = n < in->left ? n : in->left;
	memcpy(p, in->p, *got);
	lp_input_skip(in, *got);
	return LP_OK;
}
