/**
 * Every hard bound of the program in one place, each with its reason.
 * Settings choose values below these; nothing that comes from outside may exceed them.
 */

/**
 * Longest frame body that is believed. dockerd cuts lines at 16 KiB, so a frame is about
 * 16.5 KiB; a length above this is a stream that lost its place (facts on frames, moby copier.go).
 */
export const frameBodyBytesMax = 1 << 20;

/**
 * Most fields of one message in a frame; dockerd writes six at most. It keeps the search for
 * a frame in hostile garbage linear: each candidate is given up after so many.
 */
export const frameFieldsMax = 256;

/** Most bytes one read of a FIFO returns: the capacity of a Linux pipe. */
export const fifoReadBytesMax = 64 * 1024;

/** Most stream bytes in one WAL block, so that a reader never allocates more for one. */
export const blockRawBytesMax = 1 << 20;

/** Longest line that partial frames are joined to; a longer one becomes several entries. */
export const joinedLineBytesMax = 4 << 20;

/** All open partial lines of one worker together; above it they are cut early, not kept. */
export const openPartialBytesMax = 64 << 20;

/** How long a line without an end is waited for before it ships as it is, in milliseconds. */
export const openPartialAgeMsMax = 10_000;

/** A request body of dockerd: names, labels, environment and options of one container. */
export const requestBodyBytesMax = 4 << 20;

/** The record of one container on disk (`meta.json`). */
export const containerRecordBytesMax = 8 << 20;

/** Copies of damaged log that are kept of one container. */
export const quarantineBytesMax = 16 << 20;

/** Most endpoints of one container: each holds batches in memory and a cursor in its file. */
export const endpointsPerContainerMax = 8;

/**
 * Longest line in one frame of an answer to ReadLogs; longer ones take several. Newer engines
 * refuse a frame of over 1,000,000 bytes (moby, daemon/logger/internal/logdriver/io.go).
 */
export const frameOutBytesMax = 512 * 1024;
