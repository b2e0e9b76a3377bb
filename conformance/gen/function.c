// SPDX-License-Identifier: MIT
#include "gen/function.h"

#include "gen/hash.h"
#include "gen/lex.h"
#include "gen/pack.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define RUN(name) static int name(struct gen_run *r, const struct gen_at *at, \
	const struct gen_value *arg, size_t narg, struct gen_value *out)

/* Room for @n bytes, which are @out's. */
static uint8_t *room(struct gen_run *r, const struct gen_at *at, size_t n, struct gen_value *out)
{
	uint8_t *p = n > GEN_MAX ? NULL : gen_get(r, at, n + 1);

	if (!p)
		gen_fail(r, at, "%zu bytes are too many", n);
	*out = (struct gen_value){.bytes = true, .p = p, .n = n};
	return p && !gen_step(r, at, n) ? p : NULL;
}

static int text(struct gen_run *r, const struct gen_at *at, const char *s, struct gen_value *out)
{
	uint8_t *p = room(r, at, strlen(s), out);

	if (!p)
		return -1;
	memcpy(p, s, out->n);
	return 0;
}

static int hex_of(struct gen_run *r, const struct gen_at *at, const uint8_t *p, size_t n,
		  struct gen_value *out)
{
	char s[2 * SHA512_DIGEST_LENGTH + 1];

	for (size_t i = 0; i < n; i++)
		snprintf(s + 2 * i, 3, "%02x", p[i]);
	return text(r, at, s, out);
}

static int integer(struct gen_value *out, uint64_t v)
{
	*out = (struct gen_value){.i = v};
	return 0;
}

RUN(sum)
{
	uint64_t v = 0;

	(void)r, (void)at, (void)narg;
	for (size_t i = 0; i < arg->n; i++)
		v += arg->p[i];
	return integer(out, v);
}

/* The integer that up to 8 bytes are. */
static int read_int(struct gen_run *r, const struct gen_at *at, const struct gen_value *b, bool big,
		    struct gen_value *out)
{
	uint64_t v = 0;

	if (b->n > 8)
		return gen_fail(r, at, "%zu bytes are no integer", b->n);
	for (size_t i = 0; i < b->n; i++)
		v = v << 8 | b->p[big ? i : b->n - 1 - i];
	return integer(out, v);
}

RUN(le)
{
	(void)narg;
	return read_int(r, at, arg, false, out);
}

RUN(be)
{
	(void)narg;
	return read_int(r, at, arg, true, out);
}

RUN(len)
{
	(void)r, (void)at, (void)narg;
	return integer(out, arg->n);
}

RUN(sha256)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	(void)narg;
	SHA256(arg->p, arg->n, sum);
	return hex_of(r, at, sum, sizeof(sum), out);
}

RUN(sha512)
{
	uint8_t sum[SHA512_DIGEST_LENGTH];

	(void)narg;
	SHA512(arg->p, arg->n, sum);
	return hex_of(r, at, sum, sizeof(sum), out);
}

RUN(blake3)
{
	uint8_t sum[32];

	(void)narg;
	gen_blake3(arg->p, arg->n, sum);
	return hex_of(r, at, sum, sizeof(sum), out);
}

RUN(crc32)
{
	(void)r, (void)at, (void)narg;
	return integer(out, gen_crc32(arg->p, arg->n));
}

RUN(crc32c)
{
	(void)r, (void)at, (void)narg;
	return integer(out, gen_crc32c(arg->p, arg->n));
}

RUN(xxh64)
{
	(void)r, (void)at, (void)narg;
	return integer(out, gen_xxh64(arg->p, arg->n));
}

RUN(adler32)
{
	(void)r, (void)at, (void)narg;
	return integer(out, gen_adler32(arg->p, arg->n));
}

int gen_unhex(struct gen_run *r, const struct gen_at *at, const struct gen_value *hex,
	      struct gen_value *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;
	uint8_t *p = room(r, at, hex->n, out);
	const char *d;

	if (!p)
		return -1;
	for (size_t i = 0; i < hex->n; i++) {
		if (hex->p[i] == ' ' && n % 2 == 0)
			continue;
		d = hex->p[i] ? strchr(digits, hex->p[i] | 0x20) : NULL;
		if (!d || hex->p[i] < '0')
			return gen_fail(r, at, "not hexadecimal: byte %zu", i);
		p[n / 2] = (uint8_t)(p[n / 2] << 4 | (d - digits));
		n++;
	}
	if (n % 2)
		return gen_fail(r, at, "an odd number of hexadecimal digits");
	out->n = n / 2;
	return 0;
}

RUN(raw)
{
	(void)narg;
	return gen_unhex(r, at, arg, out);
}

/* @v in base 2^@shift or 10 (@shift 0), filled with zeros to @width digits. */
static int number(struct gen_run *r, const struct gen_at *at, const struct gen_value *arg,
		  size_t narg, unsigned base, struct gen_value *out)
{
	char s[4096 + 1];
	size_t i = sizeof(s) - 1, width = narg > 1 ? arg[1].i : 0;
	uint64_t v = arg->i;

	if (narg > 1 && arg[1].i > 4096)
		return gen_fail(r, at, "a width above 4096");
	s[i] = '\0';
	for (; v || i == sizeof(s) - 1; v /= base)
		s[--i] = "0123456789abcdef"[v % base];
	while (sizeof(s) - 1 - i < width)
		s[--i] = '0';
	return text(r, at, s + i, out);
}

RUN(hex)
{
	return number(r, at, arg, narg, 16, out);
}

RUN(dec)
{
	return number(r, at, arg, narg, 10, out);
}

RUN(oct)
{
	return number(r, at, arg, narg, 8, out);
}

RUN(signed_)
{
	char s[32];

	(void)narg;
	snprintf(s, sizeof(s), "%lld", (long long)arg->i);
	return text(r, at, s, out);
}

RUN(b64)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t *p = room(r, at, (arg->n + 2) / 3 * 4, out);
	uint32_t v;
	size_t n;

	(void)narg;
	if (!p)
		return -1;
	for (size_t i = 0; i < arg->n; i += 3) {
		n = arg->n - i;
		v = (uint32_t)arg->p[i] << 16;
		v |= n > 1 ? (uint32_t)arg->p[i + 1] << 8 : 0;
		v |= n > 2 ? arg->p[i + 2] : 0;
		for (size_t k = 0; k < 4; k++)
			*p++ = k > n ? '=' : (uint8_t)digits[v >> (18 - 6 * k) & 63];
	}
	return 0;
}

int gen_cat(struct gen_run *r, const struct gen_at *at, const struct gen_value *arg, size_t narg,
	    struct gen_value *out)
{
	size_t n = 0;
	uint8_t *p;

	for (size_t i = 0; i < narg; i++)
		n += arg[i].n;
	p = room(r, at, n, out);
	if (!p)
		return -1;
	for (size_t i = 0; i < narg; i++) {
		if (arg[i].n)
			memcpy(p, arg[i].p, arg[i].n);
		p += arg[i].n;
	}
	return 0;
}

RUN(repeat)
{
	uint8_t *p;

	(void)narg;
	if (arg[0].n && arg[1].i > GEN_MAX / arg[0].n)
		return gen_fail(r, at, "repeated to more than %zu bytes", GEN_MAX);
	p = room(r, at, arg[0].n ? arg[0].n * arg[1].i : 0, out);
	if (!p)
		return -1;
	if (arg[0].n == 1)
		memset(p, arg[0].p[0], out->n);
	else
		for (size_t i = 0; i < out->n; i += arg[0].n)
			memcpy(p + i, arg[0].p, arg[0].n);
	return 0;
}

RUN(slice)
{
	uint64_t n;

	if (arg[1].i > arg[0].n)
		return gen_fail(r, at, "a slice from %llu of %zu bytes",
				(unsigned long long)arg[1].i, arg[0].n);
	n = narg > 2 ? arg[2].i : arg[0].n - arg[1].i;
	if (n > arg[0].n - arg[1].i)
		return gen_fail(r, at, "a slice of %llu bytes from %llu of %zu",
				(unsigned long long)n, (unsigned long long)arg[1].i, arg[0].n);
	*out = gen_value_of(arg[0].p + arg[1].i, n);
	return 0;
}

RUN(pos)
{
	(void)arg, (void)narg;
	if (!r->out)
		return gen_fail(r, at, "pos() outside of a block of bytes");
	return integer(out, r->out->n);
}

void gen_put_int(uint8_t *p, uint64_t v, unsigned bytes, bool big)
{
	for (unsigned i = 0; i < bytes; i++)
		p[big ? bytes - 1 - i : i] = (uint8_t)(v >> 8 * i);
}

/* @bytes below 0: the highest byte first. */
static int fixed(struct gen_run *r, const struct gen_at *at, uint64_t v, int bytes,
		 struct gen_value *out)
{
	unsigned n = (unsigned)(bytes < 0 ? -bytes : bytes);
	uint8_t *p = room(r, at, n, out);

	if (!p)
		return -1;
	gen_put_int(p, v, n, bytes < 0);
	return 0;
}

RUN(u8)
{
	(void)narg;
	return fixed(r, at, arg->i, 1, out);
}

RUN(le16)
{
	(void)narg;
	return fixed(r, at, arg->i, 2, out);
}

RUN(le32)
{
	(void)narg;
	return fixed(r, at, arg->i, 4, out);
}

RUN(le64)
{
	(void)narg;
	return fixed(r, at, arg->i, 8, out);
}

RUN(be16)
{
	(void)narg;
	return fixed(r, at, arg->i, -2, out);
}

RUN(be32)
{
	(void)narg;
	return fixed(r, at, arg->i, -4, out);
}

RUN(be64)
{
	(void)narg;
	return fixed(r, at, arg->i, -8, out);
}

/* @arg in blocks of at most @most bytes, a header of @header bytes before each, one at least. */
static uint8_t *blocks(struct gen_run *r, const struct gen_at *at, const struct gen_value *arg,
		       size_t most, size_t header, struct gen_value *out)
{
	size_t n = arg->n ? (arg->n + most - 1) / most : 1;

	return room(r, at, arg->n + n * header, out);
}

RUN(stored)
{
	uint8_t *p = blocks(r, at, arg, UINT16_MAX, 5, out);
	size_t i = 0, n;

	(void)narg;
	if (!p)
		return -1;
	do {
		n = arg->n - i < UINT16_MAX ? arg->n - i : UINT16_MAX;
		p[0] = i + n == arg->n;
		gen_put_int(p + 1, n, 2, false);
		gen_put_int(p + 3, ~n, 2, false);
		if (n)
			memcpy(p + 5, arg->p + i, n);
		p += 5 + n;
		i += n;
	} while (i < arg->n);
	return 0;
}

RUN(zraw)
{
	const size_t most = 128 << 10;
	uint8_t *p = blocks(r, at, arg, most, 3, out);
	size_t i = 0, n;

	(void)narg;
	if (!p)
		return -1;
	do {
		n = arg->n - i < most ? arg->n - i : most;
		gen_put_int(p, n << 3 | (i + n == arg->n), 3, false);
		if (n)
			memcpy(p + 3, arg->p + i, n);
		p += 3 + n;
		i += n;
	} while (i < arg->n);
	return 0;
}

RUN(packed)
{
	uint8_t *p = room(r, at, gen_pack_room(arg->n), out);

	(void)narg;
	if (!p)
		return -1;
	out->n = gen_pack_deflate(arg->p, arg->n, p);
	return 0;
}

RUN(zpacked)
{
	uint8_t *p = room(r, at, gen_pack_room(arg->n), out);

	(void)narg;
	if (!p)
		return -1;
	out->n = gen_pack_zstd(arg->p, arg->n, p);
	return 0;
}

RUN(find)
{
	const uint8_t *p = memmem(arg[0].p, arg[0].n, arg[1].p, arg[1].n);

	(void)narg;
	if (!p)
		return gen_fail(r, at, "find(): it is not there");
	return integer(out, (uint64_t)(p - arg[0].p));
}

RUN(upper)
{
	uint8_t *p = room(r, at, arg->n, out);

	(void)narg;
	if (!p)
		return -1;
	for (size_t i = 0; i < arg->n; i++)
		p[i] = (uint8_t)(arg->p[i] >= 'a' && arg->p[i] <= 'z' ? arg->p[i] - 32 : arg->p[i]);
	return 0;
}

RUN(defined)
{
	struct gen_name *name = gen_name(r, (const char *)arg->p, arg->n);

	(void)at, (void)narg;
	return name ? integer(out, gen_var_find(r, name) != NULL) : -1;
}

static const struct gen_function functions[] = {
	{"len", 1, 1, "b", len},	 {"sha256", 1, 1, "b", sha256},
	{"sha512", 1, 1, "b", sha512},	 {"blake3", 1, 1, "b", blake3},
	{"raw", 1, 1, "b", raw},	 {"crc32", 1, 1, "b", crc32},
	{"crc32c", 1, 1, "b", crc32c},	 {"adler32", 1, 1, "b", adler32},
	{"hex", 1, 2, "i", hex},	 {"dec", 1, 2, "i", dec},
	{"oct", 1, 2, "i", oct},	 {"signed", 1, 1, "i", signed_},
	{"b64", 1, 1, "b", b64},	 {"cat", 0, GEN_ARGS, "b", gen_cat},
	{"repeat", 2, 2, "bi", repeat},	 {"slice", 2, 3, "bi", slice},
	{"pos", 0, 0, "", pos},		 {"u8", 1, 1, "i", u8},
	{"le16", 1, 1, "i", le16},	 {"le32", 1, 1, "i", le32},
	{"le64", 1, 1, "i", le64},	 {"be16", 1, 1, "i", be16},
	{"be32", 1, 1, "i", be32},	 {"be64", 1, 1, "i", be64},
	{"stored", 1, 1, "b", stored},	 {"zraw", 1, 1, "b", zraw},
	{"find", 2, 2, "b", find},	 {"upper", 1, 1, "b", upper},
	{"defined", 1, 1, "b", defined}, {"sum", 1, 1, "b", sum},
	{"le", 1, 1, "b", le},		 {"be", 1, 1, "b", be},
	{"xxh64", 1, 1, "b", xxh64},	 {"packed", 1, 1, "b", packed},
	{"zpacked", 1, 1, "b", zpacked},
};

const struct gen_function *gen_function_find(const char *name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (!strcmp(functions[i].name, name))
			return &functions[i];
	return NULL;
}
