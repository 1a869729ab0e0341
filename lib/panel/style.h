/* The style sheet of the panel's HTML. */
#ifndef PANEL_STYLE_H
#define PANEL_STYLE_H

extern const char panel_style[];

#endif
