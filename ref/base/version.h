/* SPDX-License-Identifier: MIT */
/*
 * version - what this is called in --version, User-Agent and records.
 */
#ifndef LP_VERSION_H
#define LP_VERSION_H

#define LP_VERSION "0.1.0"

#endif
