static const float c[3] = {1.0f, 2.0f, 3.0f};

float f(float x)
{
    for (int i = 0; i <= 3; i++)
        x += c[i];
    return x;
}
