// SPDX-License-Identifier: MIT
#include "tree/tar.h"

#include "tree/pax.h"
#include "tree/ustar.h"

#include "testing/test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A member of a test's archive: a sound header, changed at one place, and a body. */
struct member {
	char type;
	const char *name, *link, *body;
	size_t body_bytes;
	unsigned at;		/* where the header is changed; 0: nowhere */
	const char *edit;
	size_t edit_bytes;
};

#define PAX 'X'			/* an extended header; its body is "key=value;key=value" */
#define END 'E'			/* a zero block */
#define RAW 'R'			/* its body as it is */
#define S(s) s, sizeof(s) - 1
#define M(type, name) {type, name, "", S(""), 0, S("")}
#define ML(type, name, link) {type, name, link, S(""), 0, S("")}
#define MB(type, name, body) {type, name, "", S(body), 0, S("")}
#define ME(type, name, at, edit) {type, name, "", S(""), at, S(edit)}
#define MLE(type, name, link, at, edit) {type, name, link, S(""), at, S(edit)}
#define X(records) {PAX, "x", "", S(records), 0, S("")}
#define XA(records) {X(records), M('0', "a")}
#define BA(type, body) {MB(type, "x", body), M('0', "a")}

#define AT_MODE 100
#define AT_UID 108
#define AT_SIZE 124
#define AT_MTIME 136
#define AT_SUM 148
#define AT_MAGIC 257
#define AT_MAJOR 329
#define AT_STAR 508

#define V7 "\0\0\0\0\0\0\0\0"
#define N50 "12345678901234567890123456789012345678901234567890"
#define N250 N50 N50 N50 N50 N50
#define N1004 N250 "/" N250 "/" N250 "/" N250 "/"

static void add(struct lp_buf *b, const void *p, size_t n)
{
	struct lp_err err = {0};

	if (lp_buf_add(b, p, n, SIZE_MAX, &err))
		exit(1);
}

static void add_padding(struct lp_buf *b)
{
	static const char zero[LP_USTAR_BYTES];

	add(b, zero, lp_tar_pad(b->len));
}

static void add_records(struct lp_buf *out, const struct member *m)
{
	const char *p = m->body, *end = m->body + m->body_bytes;
	struct lp_err err = {0};
	char key[64];

	while (p < end) {
		const char *equals = strchr(p, '=');
		size_t n = strcspn(equals + 1, ";");

		snprintf(key, sizeof(key), "%.*s", (int)(equals - p), p);
		if (lp_pax_add(out, key, equals + 1, n, &err))
			exit(1);
		p = equals + n + 2;
	}
}

static void fix_sum(uint8_t *block)
{
	unsigned sum = 0;
	char text[8];

	memset(block + AT_SUM, ' ', 8);
	for (int i = 0; i < LP_USTAR_BYTES; i++)
		sum += block[i];
	snprintf(text, sizeof(text), "%06o", sum & 0777777);
	memcpy(block + AT_SUM, text, 7);
}

static void add_member(struct lp_buf *out, const struct member *m)
{
	struct lp_ustar u = {.type = m->type, .mode = 0644, .uid = 1, .gid = 2, .mtime = 3};
	LP_AUTO(lp_buf_free) struct lp_buf body = {0};
	uint8_t block[LP_USTAR_BYTES] = {0};

	if (m->type == END || m->type == RAW) {
		add(out, m->type == END ? (char *)block : m->body,
		    m->type == END ? sizeof(block) : m->body_bytes);
		return;
	}
	if (m->type == PAX) {
		u.type = LP_TAR_PAX;
		add_records(&body, m);
	} else {
		add(&body, m->body, m->body_bytes);
	}
	u.size = (int64_t)body.len;
	lp_ustar_format(&u, m->name, lp_ustar_split(m->name), m->link, block);
	if (m->at)
		memcpy(block + m->at, m->edit, m->edit_bytes);
	if (m->at != AT_SUM)
		fix_sum(block);
	add(out, block, sizeof(block));
	add_padding(&body);
	add(out, body.p, body.len);
}

/* Gives the bytes in memory a few at a time. */
struct drip {
	struct lp_reader reader;
	struct lp_mem_reader from;
	size_t most;
};

static enum lp_code drip_read(struct lp_reader *r, void *p, size_t n, size_t *got,
			      struct lp_err *err)
{
	struct drip *d = (struct drip *)r;

	return lp_read(&d->from.reader, p, n < d->most ? n : d->most, got, err);
}

/* One line; what the members of the tests have by default is left out. */
static void describe(const struct lp_entry *e, struct lp_buf *out)
{
	static const char *const kind[] = {"", "link ", "hide ", "opaque "};
	char text[3 * LP_PATH_MAX];
	int n = snprintf(text, sizeof(text), "%s%s %o", kind[e->kind], e->path, e->mode);
	size_t room = sizeof(text);

	if (e->uid != 1 || e->gid != 2)
		n += snprintf(text + n, room - (size_t)n, " %u:%u", e->uid, e->gid);
	if (e->mtime != 3 || e->mtime_ns)
		n += snprintf(text + n, room - (size_t)n, " @%" PRId64 ".%09" PRIu32, e->mtime,
			      e->mtime_ns);
	if (e->major || e->minor)
		n += snprintf(text + n, room - (size_t)n, " %u,%u", e->major, e->minor);
	if (e->link)
		n += snprintf(text + n, room - (size_t)n, " ->%s", e->link);
	for (size_t i = 0; i < e->nxattr && i < 10; i++)
		n += snprintf(text + n, room - (size_t)n, " %s=%.*s", e->xattr[i].name,
			      (int)e->xattr[i].bytes, (const char *)e->xattr[i].value);
	add(out, text, (size_t)n);
}

static enum lp_code describe_body(struct lp_tar *t, uint64_t size, struct lp_buf *out,
				  struct lp_err *err)
{
	uint64_t sum = 0;
	char p[700];
	size_t got = 1;

	add(out, " [", size ? 2 : 0);
	while (got) {
		if (lp_read(&t->body, p, sizeof(p), &got, err))
			return err->code;
		add(out, p, got);
		sum += got;
	}
	add(out, "]", size ? 1 : 0);
	return sum == size ? LP_OK : lp_fail(err, LP_ESHORT, 0, NULL, "not the whole body");
}

/* All entries of the archive, one line each; @bodies: read, else left to be skipped. */
static enum lp_code list(const struct lp_buf *archive, size_t most, bool bodies,
			 struct lp_buf *out, struct lp_err *err)
{
	LP_AUTO(lp_tar_free) struct lp_tar t = {0};
	struct drip d = {.reader = {drip_read}, .most = most};
	struct lp_entry e;
	bool more;

	out->len = 0;
	lp_mem_reader_open(&d.from, archive->p, archive->len);
	if (lp_tar_open(&t, &d.reader, err))
		return err->code;
	for (;;) {
		if (lp_tar_next(&t, &e, &more, err))
			return err->code;
		if (!more)
			return LP_OK;
		describe(&e, out);
		if (bodies && describe_body(&t, e.size, out, err))
			return err->code;
		add(out, "\n", 1);
	}
}

/* Archives and what they say, one entry a line. */
static const struct {
	const char *name;
	struct member member[4];
	const char *want;
} good[] = {
	{"a file", {MB('0', "a", "hello")}, "a 100644 [hello]\n"},
	{"a V7 file", {ME('\0', "a", AT_MAGIC, V7)}, "a 100644\n"},
	{"a GNU header", {ME('0', "a", AT_MAGIC, "ustar  \0")}, "a 100644\n"},
	{"a contiguous file", {MB('7', "a", "x")}, "a 100644 [x]\n"},
	{"a V7 directory", {ME('\0', "a/", AT_MAGIC, V7)}, "a 40644\n"},
	{"a directory", {M('5', "a/b/")}, "a/b 40644\n"},
	{"the root", {M('5', "./")}, " 40644\n"},
	{"a directory with a size", {ME('5', "a", AT_SIZE, "00000000777"), M('0', "b")},
	 "a 40644\nb 100644\n"},
	{"a hard link with a size", {MLE('1', "a", "b", AT_SIZE, "00000000777"), M('0', "b")},
	 "link a 100644 ->b\nb 100644\n"},
	{"a symlink stays", {ML('2', "a", "../x//y")}, "a 120644 ->../x//y\n"},
	{"a hard link is cleaned", {ML('1', "a", "/../x//y")}, "link a 100644 ->x/y\n"},
	{"a device", {ME('3', "a", AT_MAJOR, "0000005\0" "0000006")}, "a 20644 5,6\n"},
	{"a block device", {ME('4', "a", AT_MAJOR, "0000403\0" "0000454")}, "a 60644 259,300\n"},
	{"a fifo", {M('6', "a")}, "a 10644\n"},

	{"names are cleaned", {M('0', "/../a/./b//../c")}, "a/c 100644\n"},
	{"100 bytes without a NUL", {M('0', N50 N50)}, N50 N50 " 100644\n"},
	{"a prefix", {M('0', N50 N50 "/" N50)}, N50 N50 "/" N50 " 100644\n"},
	{"star's prefix", {ME('0', N50 N50 "/" N50, AT_STAR, "tar")},
	 N50 N50 "/" N50 " 100644\n"},
	{"V7 has no prefix", {ME('0', N50 N50 "/" N50, AT_MAGIC, V7)}, N50 " 100644\n"},
	{"a name of 255 bytes", XA("path=" N250 "12345"), N250 "12345 100644\n"},
	{"a path of 4095 bytes", XA("path=" N1004 N1004 N1004 N1004 N50
				    "12345678901234567890123456789"),
	 N1004 N1004 N1004 N1004 N50 "12345678901234567890123456789 100644\n"},

	{"a whiteout", {M('0', "d/.wh.a")}, "hide d/a 100644\n"},
	{"a whiteout with bytes", {MB('0', ".wh.a", "xyz"), M('0', "b")},
	 "hide a 100644\nb 100644\n"},
	{"a hard link as whiteout", {ML('1', ".wh.a", "x")}, "hide a 100644\n"},
	{"an opaque directory", {M('0', "d/.wh..wh..opq")}, "opaque d 100644\n"},
	{"an opaque root", {M('0', ".wh..wh..opq")}, "opaque  100644\n"},
	{"AUFS's own", {M('5', ".wh..wh.plnk"), MB('0', ".wh..wh.plnk/1.2", "x"),
			MB('0', "d/.wh..wh.aufs", "y"), M('0', "b")}, "b 100644\n"},

	{"all kinds of padding", {ME('0', "a", AT_MODE, " 644 \0\0 " "  1\0    " "2      ")},
	 "a 100644\n"},
	{"empty numbers are 0", {ME('0', "a", AT_UID, "\0\0\0\0\0\0\0\0" "        ")},
	 "a 100644 0:0\n"},
	{"file type in the mode", {ME('0', "a", AT_MODE, "0104755")}, "a 104755\n"},
	{"a base-256 owner", {ME('0', "a", AT_UID, "\x80\0\0\0\xff\xff\xff\xfe")},
	 "a 100644 4294967294:2\n"},
	{"a time before 1970", {ME('0', "a", AT_MTIME, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
				   "\xff\xff")}, "a 100644 @-1.000000000\n"},
	{"12 digits of time", {ME('0', "a", AT_MTIME, "777777777777")},
	 "a 100644 @68719476735.000000000\n"},

	{"PAX records", {X("path=p/q;linkpath=t;uid=70000;gid=3000000;mtime=-1.25"),
			 ML('2', "a", "x")},
	 "p/q 120644 70000:3000000 @-2.750000000 ->t\n"},
	{"PAX wins over the size", {X("size=3"), {'0', "a", "", S("xyz"), AT_SIZE, S("00000000000")},
				    M('0', "b")}, "a 100644 [xyz]\nb 100644\n"},
	{"of two records the last", XA("path=p;path=q;SCHILY.xattr.user.a=1;SCHILY.xattr.user.a=2"),
	 "q 100644 user.a=2\n"},
	{"an empty value", XA("path=;uid=;SCHILY.xattr.user.a="), "a 100644 user.a=\n"},
	{"records are for one entry", {X("path=p;uid=7;SCHILY.xattr.user.a=1"), M('0', "a"),
				       M('0', "b")}, "p 100644 7:2 user.a=1\nb 100644\n"},
	{"ten digits of a second", XA("mtime=1.1234567891"), "a 100644 @1.123456789\n"},
	{"a second and a point", XA("mtime=3."), "a 100644\n"},
	{"xattrs", XA("SCHILY.xattr.user.b=1;SCHILY.xattr.trusted.a=;"
		      "SCHILY.xattr.security.capability=x;SCHILY.xattr.system.posix_acl_access=y;"
		      "SCHILY.xattr.com.apple.x=z;SCHILY.xattr.system.nfs4_acl=n;"
		      "LIBARCHIVE.xattr.user.b=MQ"),
	 "a 100644 user.b=1 trusted.a= security.capability=x system.posix_acl_access=y\n"},
	{"keys that we do not know", XA("comment=x;atime=1;hdrcharset=BINARY;VENDOR.k=v;uname=r"),
	 "a 100644\n"},
	{"no records", BA('x', ""), "a 100644\n"},
	{"a global header", {MB('g', "g", "9 uid=70\n13 mtime=1.5\n13 comment=x\n"), M('0', "a"),
			     X("uid=;mtime=2"), M('0', "b")},
	 "a 100644 70:2 @1.500000000\nb 100644 @2.000000000\n"},

	{"a long name and a long link", {MB('L', "././@LongLink", N250 "\0"),
					 MB('K', "././@LongLink", "../t\0\0"), M('2', "a")},
	 N250 " 120644 ->../t\n"},
	{"a long name without a NUL", BA('L', "abc"), "abc 100644\n"},
	{"a long name is for one entry", {MB('L', "l", "abc"), M('0', "a"), M('0', "b")},
	 "abc 100644\nb 100644\n"},
	{"a long name with other records", {MB('L', "l", "abc"), X("uid=5"), M('0', "a")},
	 "abc 100644 5:2\n"},

	{"no blocks", {{0}}, ""},
	{"a zero block", {M(END, "")}, ""},
	{"two zero blocks end it", {M('0', "a"), M(END, ""), M(END, ""), M('0', "b")},
	 "a 100644\n"},
	{"one zero block ends it", {M('0', "a"), M(END, "")}, "a 100644\n"},
};

/* Archives that break a rule. */
static const struct {
	const char *name;
	struct member member[3];
	const char *rule;
} bad[] = {
	{"an unknown type", {M('Z', "a")}, "tar.header.type"},
	{"a GNU directory dump", {M('D', "a")}, "tar.header.type"},
	{"a sparse file", {M('S', "a")}, "tar.sparse.gnu"},
	{"the device 0:0", {M('3', "a")}, "tar.device.reserved-overlay"},
	{"a V7 device", {ME('3', "a", AT_MAGIC, V7)}, "tar.device.reserved-overlay"},
	{"a device of 13 bits", {ME('3', "a", AT_MAJOR, "0010000")}, "tar.device.range"},
	{"a negative device", {ME('4', "a", AT_MAJOR, "\xff\xff\xff\xff\xff\xff\xff\xff")},
	 "tar.device.range"},
	{"a symlink to nothing", {M('2', "a")}, "tar.link.target"},
	{"a hard link to nothing", {M('1', "a")}, "tar.link.target"},
	{"a hard link to the root", {ML('1', "a", "..")}, "tar.link.target"},
	{"a symlink of 4096 bytes", {X("linkpath=" N1004 N1004 N1004 N1004 N50 N50), M('2', "a")},
	 "tar.link.target"},
	{"a symlink with a size", {MLE('2', "a", "b", AT_SIZE, "00000000001")},
	 "tar.size.no-body"},
	{"a fifo with a size", {ME('6', "a", AT_SIZE, "00000000001")}, "tar.size.no-body"},

	{"a name of 256 bytes", XA("path=" N250 "123456"), "tar.name.length"},
	{"a path of 4096 bytes", XA("path=" N1004 N1004 N1004 N1004 N50
				    "123456789012345678901234567890"), "tar.name.length"},
	{"a file that is the root", {M('0', "/..")}, "tar.name.root"},
	{"a link that is the root", {ML('1', ".", "x")}, "tar.name.root"},
	{"a file with a slash behind", {M('0', "a/")}, "tar.name.trailing-slash"},
	{"a name in place of GNU's times", {ME('0', N50 N50 "/" N50, AT_MAGIC, "ustar  \0")},
	 "tar.header.gnu-prefix"},

	{"a whiteout of nothing", {M('0', "d/.wh.")}, "oci.layer.whiteout"},
	{"a whiteout of .", {M('0', "d/.wh..")}, "oci.layer.whiteout"},
	{"a whiteout of ..", {M('0', "d/.wh...")}, "oci.layer.whiteout"},
	{"a directory as whiteout", {M('5', "d/.wh.a")}, "oci.layer.whiteout"},
	{"a directory as opaque", {M('5', "d/.wh..wh..opq")}, "oci.layer.whiteout"},

	{"no digit", {ME('0', "a", AT_UID, "12x4567")}, "tar.header.number"},
	{"the digit 8", {ME('0', "a", AT_UID, "1284567")}, "tar.header.number"},
	{"a minus", {ME('0', "a", AT_SIZE, "-0000000001")}, "tar.header.number"},
	{"digits behind a NUL", {ME('0', "a", AT_SIZE, "1\0002")}, "tar.header.number"},
	{"a negative size", {ME('0', "a", AT_SIZE, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
				"\xff")}, "tar.header.number"},
	{"a size of 64 bits", {ME('0', "a", AT_SIZE, "\x80\0\0\0\x80\0\0\0\0\0\0\0")},
	 "tar.header.number"},
	{"a size of 94 bits", {ME('0', "a", AT_SIZE, "\xbf\0\0\0\0\0\0\0\0\0\0\0")},
	 "tar.header.number"},
	{"a size of 63 bits", {ME('0', "a", AT_SIZE, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff")},
	 "tar.archive.truncated"},
	{"the owner -1", {ME('0', "a", AT_UID, "\x80\0\0\0\xff\xff\xff\xff")},
	 "tar.header.owner"},
	{"a negative owner", {ME('0', "a", AT_UID, "\xff\xff\xff\xff\xff\xff\xff\xff")},
	 "tar.header.owner"},
	{"a wrong checksum", {ME('0', "a", AT_SUM, "007777")}, "tar.header.checksum"},

	{"a global path", BA('g', "10 path=p\n"), "tar.pax.global"},
	{"a global size", BA('g', "10 size=0\n"), "tar.pax.global"},
	{"global xattrs", BA('g', "25 SCHILY.xattr.user.a=b\n"), "tar.pax.global"},
	{"a length of 0", BA('x', "0 path=ab\n"), "tar.pax.record"},
	{"a length with a leading zero", BA('x', "011 path=b\n"), "tar.pax.record"},
	{"a length too short", BA('x', "10 path=ab\n"), "tar.pax.record"},
	{"a length too long", BA('x', "12 path=ab\n"), "tar.pax.record"},
	{"a length far too long", BA('x', "99999999999999999999 path=ab\n"), "tar.pax.record"},
	{"one digit, too long", BA('x', "9 a=b\n"), "tar.pax.record"},
	{"no space", BA('x', "11\tpath=ab\n"), "tar.pax.record"},
	{"no newline", BA('x', "11 path=abc"), "tar.pax.record"},
	{"no equals sign", BA('x', "11 path ab\n"), "tar.pax.record"},
	{"no key", BA('x', "7 =abc\n"), "tar.pax.record"},
	{"a NUL in the key", BA('x', "11 pa\0h=ab\n"), "tar.pax.record"},
	{"only a length", BA('x', "3 \n"), "tar.pax.record"},
	{"only digits", BA('x', "3"), "tar.pax.record"},
	{"a NUL in the path", BA('x', "11 path=a\0\n"), "tar.pax.value"},
	{"a size that is none", XA("size=1e3"), "tar.pax.value"},
	{"a size of -1", XA("size=-1"), "tar.pax.value"},
	{"a PAX size of 64 bits", XA("size=9223372036854775808"), "tar.pax.value"},
	{"the PAX owner 2^32 - 1", XA("uid=4294967295"), "tar.pax.value"},
	{"the PAX group -1", XA("gid=-1"), "tar.pax.value"},
	{"no time", XA("mtime=nan"), "tar.pax.value"},
	{"a time of 20 digits", XA("mtime=99999999999999999999"), "tar.pax.value"},
	{"a fraction that is none", XA("mtime=1.5x"), "tar.pax.value"},
	{"a long fraction that is none", XA("mtime=1.1234567890x"), "tar.pax.value"},
	{"a fraction of nothing", XA("mtime=.5"), "tar.pax.value"},
	{"PAX sparse files", XA("GNU.sparse.major=1"), "tar.sparse.pax"},
	{"Sun's holes", XA("SUN.holesdata=1"), "tar.sparse.pax"},
	{"overlayfs's xattrs", XA("SCHILY.xattr.trusted.overlay.opaque=y"),
	 "tar.xattr.reserved-overlay"},
	{"an xattr of no name", XA("SCHILY.xattr.user.=y"), "tar.xattr.name"},

	{"a NUL inside a long name", BA('L', "ab\0c"), "tar.extension.name"},
	{"a long name of nothing", BA('L', ""), "tar.extension.name"},
	{"a long link of a NUL", BA('K', "\0"), "tar.extension.name"},
	{"two extended headers", {X("uid=5"), X("gid=5"), M('0', "a")}, "tar.extension.order"},
	{"two long names", {MB('L', "l", "a"), MB('L', "l", "a"), M('0', "a")},
	 "tar.extension.order"},
	{"PAX and GNU names", {MB('L', "l", "abc"), X("path=p"), M('0', "a")},
	 "tar.extension.order"},
	{"GNU and PAX links", {X("linkpath=p"), MB('K', "l", "abc"), M('2', "a")},
	 "tar.extension.order"},
	{"a global header between", {X("uid=5"), MB('g', "g", ""), M('0', "a")},
	 "tar.extension.order"},
	{"an extended header at the end", {X("uid=5")}, "tar.extension.order"},
	{"a long name at the end", {MB('L', "l", "abc"), M(END, "")}, "tar.extension.order"},
	{"1 MiB and a byte", {ME('x', "x", AT_SIZE, "00004000001")}, "tar.extension.size"},
	{"an exbibyte", {ME('L', "l", AT_SIZE, "\x80\0\0\0\x10\0\0\0\0\0\0\0")},
	 "tar.extension.size"},

	{"an entry behind a zero block", {M('0', "a"), M(END, ""), M('0', "b")},
	 "tar.archive.end"},
	{"junk behind a zero block", {M(END, ""), MB(RAW, "", "junk")}, "tar.archive.end"},
	{"half a header", {M('0', "a"), MB(RAW, "", "junk")}, "tar.archive.truncated"},
	{"no body", {ME('0', "a", AT_SIZE, "00000000001")}, "tar.archive.truncated"},
	{"half of an extension", {ME('x', "x", AT_SIZE, "00000000777")}, "tar.archive.truncated"},
};

static void test_good(size_t i, size_t most)
{
	LP_AUTO(lp_buf_free) struct lp_buf archive = {0}, got = {0};
	struct lp_err err = {0};
	enum lp_code code;

	for (size_t k = 0; k < 4 && good[i].member[k].name; k++)
		add_member(&archive, &good[i].member[k]);
	code = list(&archive, most, true, &got, &err);
	add(&got, "", 1);
	CHECK(!code && !strcmp((char *)got.p, good[i].want), "%s: %.*s", good[i].name,
	      code ? 300 : (int)strcspn((char *)got.p, "\n") % 300,
	      code ? err.msg : (char *)got.p);
	CHECK(!list(&archive, most, false, &got, &err), "%s: bodies are skipped", good[i].name);
}

static void test_bad(size_t i, size_t most)
{
	LP_AUTO(lp_buf_free) struct lp_buf archive = {0}, got = {0};
	struct lp_err err = {0};

	for (size_t k = 0; k < 3 && bad[i].member[k].name; k++)
		add_member(&archive, &bad[i].member[k]);
	CHECK(list(&archive, most, true, &got, &err) && err.rule &&
	      !strcmp(err.rule, bad[i].rule) && err.at <= archive.len, "%s: %s, not %s",
	      bad[i].name, bad[i].rule, err.rule ? err.rule : "accepted");
}

/* Archives cut anywhere but between entries. */
static void test_cut(void)
{
	static const struct member m[] = {
		X("path=p;SCHILY.xattr.user.a=1"), MB('0', "a", "hello"), M('5', "d/"),
	};
	LP_AUTO(lp_buf_free) struct lp_buf archive = {0}, got = {0};
	size_t whole, passed = 0;

	for (size_t k = 0; k < 3; k++)
		add_member(&archive, &m[k]);
	whole = archive.len;
	for (archive.len = 1; archive.len < whole; archive.len++) {
		struct lp_err err = {0};

		passed += !list(&archive, SIZE_MAX, true, &got, &err) || !err.rule;
	}
	CHECK(whole == 5 * 512 && passed == 1, "%zu cut archives pass", passed);
}

/* Limits of what stands before one entry. */
static void test_many_xattrs(void)
{
	LP_AUTO(lp_buf_free) struct lp_buf records = {0}, archive = {0}, got = {0};
	struct lp_ustar u = {.type = LP_TAR_PAX};
	uint8_t block[LP_USTAR_BYTES];
	struct lp_err err = {0};
	char key[64], value[LP_XATTR_VALUE_MAX + 1] = "";

	for (int i = 0; i <= LP_PAX_XATTRS; i++) {
		snprintf(key, sizeof(key), LP_PAX_XATTR "user.%d", i);
		if (lp_pax_add(&records, key, "", 0, &err))
			exit(1);
	}
	for (int turn = 0; turn < 2; turn++) {
		archive.len = 0;
		u.size = (int64_t)records.len;
		lp_ustar_format(&u, "x", 0, "", block);
		add(&archive, block, sizeof(block));
		add_padding(&records);
		add(&archive, records.p, records.len);
		CHECK(list(&archive, SIZE_MAX, false, &got, &err) == LP_ELIMIT && err.rule &&
		      !strcmp(err.rule, turn ? "tar.xattr.size" : "tar.xattr.count"),
		      "limits of xattrs: %s", err.rule ? err.rule : "");
		records.len = 0;
		if (lp_pax_add(&records, LP_PAX_XATTR "user.a", value, sizeof(value), &err))
			exit(1);
	}
}

int main(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		test_good(i, i % 2 ? 100 : SIZE_MAX);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		test_bad(i, i % 2 ? SIZE_MAX : 100);
	}
	test_cut();
	test_many_xattrs();
	return test_done();
}
