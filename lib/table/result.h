/* result - what a look-up can come to */
#ifndef TABLE_RESULT_H
#define TABLE_RESULT_H

enum table_result { TABLE_FOUND, TABLE_NOT_FOUND, TABLE_ERROR };

#endif
