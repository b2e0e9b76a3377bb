/* SPDX-License-Identifier: MIT */
/*
 * format - the table of image formats.
 *
 * A format translates its own metadata into neutral tables, once, and is never called again:
 * fetching, decoding, verifying and serving are layer/ for everybody.  What a benchmark then
 * compares is layouts, not implementations.
 *
 * To add one: make a folder ref/format/<name>/ that defines `const struct lp_format
 * lp_fmt_<name>`.  The Makefile finds it; there is no second place to edit.
 */
#ifndef LP_FORMAT_H
#define LP_FORMAT_H

#include "base/pool.h"
#include "fetch/source.h"
#include "layer/layer.h"
#include "oci/descriptor.h"
#include "tree/entry.h"
#include "tree/spool.h"

/*
 * Where open() puts what it finds.  A sink may leave out frame, chunk and prefetch (NULL)
 * when it wants only entries.
 */
struct lp_sink {
	/*
	 * From formats of whole images: until the next call, frames and chunks are those of
	 * device @number, the first, the second, ...: it holds blob @blob of those given to
	 * open() and has @bytes.  A layer alone is device 1, and this is not called.
	 */
	enum lp_code (*device)(struct lp_sink *s, uint32_t number, size_t blob, uint64_t bytes,
			       struct lp_err *err);
	/*
	 * @window  [LP_WINDOW_BYTES] the plain bytes before a frame that starts in the middle
	 *          of a stream; NULL: it needs none
	 * *index   the number by which chunks name the frame
	 */
	enum lp_code (*frame)(struct lp_sink *s, const struct lp_frame *f, const uint8_t *window,
			      uint32_t *index, struct lp_err *err);
	enum lp_code (*chunk)(struct lp_sink *s, const struct lp_chunk *c,
			      const struct lp_digest *d, struct lp_err *err);
	/* In archive order; strings are borrowed for the call. */
	enum lp_code (*entry)(struct lp_sink *s, const struct lp_entry *e, struct lp_err *err);
	/*
	 * The next bytes of the last entry, from formats that are read as a stream: then the
	 * extents are set, no chunk is told, and the sink digests what it keeps.
	 */
	enum lp_code (*body)(struct lp_sink *s, const void *p, size_t n, struct lp_err *err);
	/* Bytes of a device to fetch before anybody asks, in this order. */
	enum lp_code (*prefetch)(struct lp_sink *s, uint32_t device, uint64_t device_off,
				 uint64_t bytes, struct lp_err *err);
	/*
	 * From formats that are read as a stream, just before end_tree: the digest of the
	 * plain stream, which a configuration calls diffID.  May be NULL.
	 */
	enum lp_code (*diffid)(struct lp_sink *s, const struct lp_digest *d, struct lp_err *err);
	/* The tree is complete; @device_bytes is the size of a layer's device. */
	enum lp_code (*end_tree)(struct lp_sink *s, uint64_t device_bytes, struct lp_err *err);
	/*
	 * Set by open() of formats that are read as a stream, before body(): where those
	 * bytes begin, in which frame.  Frames are numbered from 0, and each is told when its
	 * length is known: the last before diffid.
	 */
	uint32_t in_frame;
	uint64_t frame_off;
};

struct lp_open_options {
	bool allow_unverified;	/* eStargz: without a TOC digest (--allow-unverified) */
};

struct lp_build_options {
	const struct lp_codec *codec;	/* NULL: the format's own choice */
	int level;			/* LP_LEVEL_DEFAULT: the codec's */
	uint64_t chunk_bytes;		/* 0: the format's default */
	unsigned version;		/* RAFS: 5 or 6; 0: the default */
	enum lp_alg digester;		/* RAFS: of chunks; LP_NO_DIGEST: the default */
	const char *const *prefetch;	/* [nprefetch] clean paths, first to last */
	size_t nprefetch;
	struct lp_pool *pool;		/* borrowed; the output never depends on it */
	const int *scratch;		/* build_image: [n] empty files, borrowed */
	const void *dict;		/* [dict_bytes] what dictionary() wrote, borrowed, or NULL */
	size_t dict_bytes;
};

#define LP_LEVEL_DEFAULT INT32_MIN
#define LP_BUILT_NOTES 4

/* What build_layer() says about the blob it wrote. */
struct lp_built {
	const char *media_type;		/* static */
	struct lp_digest diffid;	/* of the plain stream; LP_NO_DIGEST: the blob's own */
	struct lp_digest digest;	/* from builders: of the blob, which has bytes */
	uint64_t bytes;
	uint64_t plain_bytes;		/* of the plain stream */
	struct {
		const char *key;	/* static */
		char value[LP_DIGEST_TEXT];
	} note[LP_BUILT_NOTES];		/* annotations of the descriptor */
	size_t nnote;
};

/* One layer that is encoded as its entries and bodies come. */
struct lp_builder {
	struct lp_sink sink;	/* entry and body alone */
	/* Encode what is left.  Once; @built as from build_layer(). */
	enum lp_code (*end)(struct lp_builder *b, struct lp_built *built, struct lp_err *err);
	void (*free)(struct lp_builder *b);
};

struct lp_format {
	const char *name;	/* the word in --to and in results/ */
	const char *spec;	/* what is implemented, with its version */
	bool stream;		/* open() reads the blob from end to end and tells bodies */
	bool image;		/* open() reads the image: blob 0 is the last layer, then the others */

	/*
	 * Is the layer @d one of ours?  Descriptors are asked first; @source only where they
	 * cannot tell and options allow it.
	 */
	enum lp_code (*probe)(const struct lp_descriptor *d, struct lp_source *source,
			      const struct lp_open_options *options, bool *ours,
			      struct lp_err *err);

	/*
	 * Read the metadata of @n blobs (one layer: n = 1) into @sink.  The blobs' own
	 * digests are the caller's business: it compares that of a blob whose stream is read
	 * to its end.  Every other digest of the format is checked here before anything it
	 * covers is believed.
	 */
	enum lp_code (*open)(const struct lp_descriptor *d, struct lp_source *source, size_t n,
			     const struct lp_open_options *options, struct lp_sink *sink,
			     struct lp_err *err);

	/*
	 * From formats of whole images, with what open() gets: what blobs say beyond what
	 * open() needs agrees with the metadata, for whoever goes by the former.
	 */
	enum lp_code (*check)(const struct lp_descriptor *d, struct lp_source *source, size_t n,
			      struct lp_err *err);

	/* Encode one layer.  Its digest and size are what passes through @out. */
	enum lp_code (*build_layer)(const struct lp_spool *in,
				    const struct lp_build_options *options,
				    struct lp_writer *out, struct lp_built *built,
				    struct lp_err *err);

	/*
	 * From formats that need not see all of a layer first: a way to encode one without a
	 * spool, if there is no prefetch list.  NULL: there is none.
	 */
	enum lp_code (*builder)(const struct lp_build_options *options, struct lp_writer *out,
				struct lp_builder **b, struct lp_err *err);

	/*
	 * From formats of whole images: encode the layer that comes last, the metadata of the
	 * image whose @n other layers are @d, lowest first, by build_layer().
	 */
	enum lp_code (*build_image)(const struct lp_descriptor *d, struct lp_source *source,
				    size_t n, const struct lp_build_options *options,
				    struct lp_writer *out, struct lp_built *built,
				    struct lp_err *err);

	/*
	 * From formats of whole images, with what open() gets, of which only the metadata is
	 * read: the chunks of that image, for builds with @options that need not store them
	 * again.  What is written is the format's own, and for this process and its children.
	 */
	enum lp_code (*dictionary)(const struct lp_descriptor *d, struct lp_source *source,
				   size_t n, const struct lp_build_options *options,
				   struct lp_writer *out, struct lp_err *err);

	/*
	 * From formats of whole images: the blobs that the metadata in @source needs, by what
	 * it calls them, of struct lp_digest, appended to @out.
	 */
	enum lp_code (*blobs)(struct lp_source *source, struct lp_buf *out, struct lp_err *err);
};

/* Every format, sorted by name, ending with NULL. */
extern const struct lp_format *const lp_formats[];

/* The format called @name, or NULL. */
const struct lp_format *lp_format_named(const char *name);

/*
 * lp_format_of - the format of the layer @d: the one whose probe says so, else the legacy one.
 *
 * LP_EUNSUP  oci.layer.media-type: an encrypted or unknown kind of layer
 */
LP_MUST_CHECK enum lp_code lp_format_of(const struct lp_descriptor *d, struct lp_source *source,
					const struct lp_open_options *options,
					const struct lp_format **out, struct lp_err *err);

#endif
