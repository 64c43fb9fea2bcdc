/* ban - functions of the C library that this project does not use
 *
 * Included by the compiler before everything else (-include).  Bytes go
 * through view and str, numbers through number, memory through arena or memory.
 */
#if !defined BASE_BAN_H && !defined __ASSEMBLER__
#define BASE_BAN_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#undef alloca
#undef strncpy
#undef strcpy
#undef strcat
#undef strncat
#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat strtok gets
#pragma GCC poison atoi atol atoll alloca scanf sscanf fscanf
#endif
