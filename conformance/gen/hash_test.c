// SPDX-License-Identifier: MIT
/* hash_test - published answers, and those of other programs at lengths where the tree changes. */
#include "gen/hash.h"

#include "testing/test.h"

#include <string.h>

/* Byte i is i % 251, as in BLAKE3's test vectors; the digests are of b3sum and xxhsum. */
static const struct {
	size_t n;
	const char *blake3;
	uint64_t xxh64;
} sums[] = {
	{0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
	 0xef46db3751d8e999},
	{1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
	 0xe934a84adb052768},
	{31, "bda80c7fe2db38be6387b35c870bd7728d67b7b6cc5eb9b0e5c7dcb21ea754c2",
	 0xc346d2b59b4d8ee1},
	{63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b",
	 0xe26aa9e2a95f8e4f},
	{64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98",
	 0xf7c67301db6713f0},
	{65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee",
	 0xc31eb63b2ae4465b},
	{1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
	 0xd66738f081c25cf4},
	{1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
	 0x138e26c65048ce29},
	{1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
	 0xcfd73aedd2d6a39d},
	{2047, "58830fbf51a4423c573b164471690570e544cfe793bead46225664796b4b1467",
	 0x4f5c52160866c4d3},
	{2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
	 0xa69e05a7eff57800},
	{2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030",
	 0x27858160679416ba},
	{3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2",
	 0x278f56bcf5b542fe},
	{3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3",
	 0x9805379a726bf789},
	{4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969",
	 0x122a8c8d994ad3ec},
	{4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995",
	 0xba236f554636de5b},
	{5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833",
	 0xec231c1725317049},
	{7168, "61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a",
	 0xe75e4dc64051594c},
	{8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b",
	 0x755e4befd10cccf4},
	{16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4",
	 0x05773fb9ae5fe381},
	{31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47",
	 0x5fd04299cacedf8a},
	{31745, "5c80ce0c3bbe9a6f432a1c6c2ccbde45923d23249386988a30f512d23919eb98",
	 0xb6215328c58e470e},
	{102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
	 0xeb1adcdd9e1369a6},
};

static void test_sums(void)
{
	static uint8_t p[102400];
	uint8_t sum[32];
	char text[65];

	for (size_t i = 0; i < sizeof(p); i++)
		p[i] = (uint8_t)(i % 251);
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
		gen_blake3(p, sums[i].n, sum);
		for (size_t k = 0; k < 32; k++)
			snprintf(text + 2 * k, 3, "%02x", sum[k]);
		CHECK(!strcmp(text, sums[i].blake3), "BLAKE3 of %zu bytes: %s", sums[i].n, text);
		CHECK(gen_xxh64(p, sums[i].n) == sums[i].xxh64, "XXH64 of %zu bytes", sums[i].n);
	}
}

int main(void)
{
	static const uint8_t digits[] = "123456789";

	CHECK(gen_crc32(digits, 9) == 0xcbf43926 && gen_crc32(digits, 0) == 0, "CRC32");
	CHECK(gen_crc32c(digits, 9) == 0xe3069283, "CRC32C");
	CHECK(gen_adler32(digits, 9) == 0x091e01de && gen_adler32(digits, 0) == 1, "Adler-32");
	test_sums();
	return test_done();
}
