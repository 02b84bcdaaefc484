/*
 * A module is a struct of tables and nothing else. Everything that exists in
 * Quincunx (routes, settings, permissions, tables, commands, ...) is a row in
 * one of them; router, OpenAPI, docs, tests, sample configuration and the
 * permission matrix are loops over modules[]. Forward declarations only: lower
 * layers get `const struct module *const *` as an argument.
 *
 * Each list is an array of pointers that ends with NULL; a noun contributes
 * one pointer to its own array.
 */
#ifndef MODULE_H
#define MODULE_H

struct alert;
struct command;
struct component;
struct demo;
struct dependency;
struct event;
struct exchange;
struct gauge;
struct health_check;
struct history;
struct job;
struct loop;
struct metric;
struct page;
struct permission;
struct query;
struct route;
struct schedule;
struct settings;
struct table;

struct module {
	const char *name;		/* "auth": path segment and prefix */
	const char *doc;		/* sentence */
	const char *const *needs;	/* modules that must be enabled */
	const struct table *const *tables;	/* arrays, end: .name NULL */
	const struct query *const *const *queries;
	const struct route *const *routes;	/* arrays, end: .id NULL */
	const struct page *const *pages;	/* arrays, end: .path NULL */
	const struct settings *const *settings;
	const struct permission *permissions;	/* end: .name NULL */
	const struct metric *const *const *metrics;
	const struct health_check *health;	/* end: .name NULL */
	const struct component *components;	/* end: .name NULL */
	const struct dependency *dependencies;	/* end: .name NULL */
	const struct exchange *const *exchanges;	/* import and export */
	const struct command *const *commands;	/* arrays, end: .name NULL */
	const struct job *const *jobs;		/* arrays, end: .name NULL */
	const struct schedule *const *schedules;	/* arrays, the same */
	const struct loop *const *loops;	/* arrays, the same */
	const struct event *const *events;	/* arrays, the same */
	const struct history *histories;	/* end: .metric NULL */
	const struct gauge *gauges;		/* end: .metric NULL */
	const struct alert *alerts;		/* end: .name NULL */
	const struct demo *demo;		/* db/demo.h */
};

/* All modules in dependency order, NULL-terminated. Only cgi/ and tests/ name
 * it; everything else is handed the enabled subset. */
extern const struct module *const modules[];

#endif
